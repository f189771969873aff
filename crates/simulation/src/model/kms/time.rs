//! What comes to pass by itself.

use super::State;
use crate::model::Model;
use crate::model::policy::twin;

pub(super) const DAY_MS: i64 = 86_400_000;

pub(super) const ROTATED: &str = "RotateKey";
const SYNCHRONIZED: &str = "SynchronizeMultiRegionKey";

/// What a timer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// The key of this name goes for good.
    Delete(String),
    /// It is rotated.
    Rotate(String),
    /// Its material of this id expires.
    Expire(String, String),
}

impl Model {
    /// What timers have to do, in the order of its time. What cannot be undone waits until another time has come, too.
    pub fn due(&self, now: i64, irreversibly: i64) -> Vec<Due> {
        let mut all = Vec::new();
        for (name, key) in &self.keys {
            if let State::PendingDeletion(at) = key.state {
                all.push((at, Due::Delete(name.clone())));
            }
            if let (State::Enabled, Some((_, next)), true) = (key.state, key.rotation, key.leads(name)) {
                all.push((next, Due::Rotate(name.clone())));
            }
            for material in key.materials() {
                if let Some(Some(at)) = material.here {
                    all.push((at, Due::Expire(name.clone(), material.id.clone())));
                }
            }
        }
        all.retain(|(at, due)| *at <= now && (matches!(due, Due::Rotate(_)) || *at <= irreversibly));
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, due)| due).collect()
    }

    /// A timer does what is due, if there is the key still. Gives the names of the events that are recorded.
    pub fn go_off(&mut self, due: &Due, now: i64) -> Vec<&'static str> {
        let (Due::Delete(name) | Due::Rotate(name) | Due::Expire(name, _)) = due;
        if !self.keys.contains_key(name) {
            return Vec::new();
        }
        match due {
            Due::Delete(_) => {
                self.keys.remove(name);
                self.aliases.retain(|_, key| key != name);
                if let Some(related) = self.keys.get_mut(&twin(name))
                    && let State::PendingReplicaDeletion(days) = related.state
                {
                    related.state = State::PendingDeletion(now + days * DAY_MS);
                }
                vec!["DeleteKey"]
            }
            Due::Rotate(_) => self.catch_up(name, now),
            Due::Expire(_, material) => {
                self.key_mut(name).take_away(material);
                vec!["DeleteExpiredKeyMaterial"]
            }
        }
    }

    /// Rotates a key, if it is time.
    pub(super) fn catch_up(&mut self, name: &str, now: i64) -> Vec<&'static str> {
        let key = self.key_mut(name);
        let leads = key.leads(name);
        match &mut key.rotation {
            Some((period, next)) if *next <= now && leads => {
                *next = now + *period * DAY_MS;
                [vec![ROTATED], self.share(name)].concat()
            }
            _ => Vec::new(),
        }
    }

    /// Gives the replica what it shares.
    pub(super) fn share(&mut self, name: &str) -> Vec<&'static str> {
        if !self.has_replica(name) {
            return Vec::new();
        }
        let (rotation, on_demand) = (self.keys[name].rotation, self.keys[name].on_demand);
        let replica = self.key_mut(&twin(name));
        (replica.rotation, replica.on_demand) = (rotation, on_demand);
        vec![SYNCHRONIZED]
    }

    pub(super) fn has_replica(&self, name: &str) -> bool {
        let key = &self.keys[name];
        key.primary.is_some() && key.leads(name) && self.keys.contains_key(&twin(name))
    }
}
