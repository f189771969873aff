//! Changes of what opens the keyring, as the server that runs makes them, or the command itself if none does.

use crate::admin::{Command, Commanded, ask, ask_with, sealed};
use crate::args::{NewSeals, Place};
use crate::deployment::SealPlace;
use crate::opening::Opening;
use crate::sealing::is_sealed;
use crate::{Failure, failure, seal, shares};
use assembly::{Parts, services};
use keyring::{Access, KeyFile, Keyring, KeyringError, Passphrase, Seal, SlotInfo, SystemRandom, Trial};
use seals::{Share, Source};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use server::{Gate, Operator};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

/// A key file, as it goes over the operator's channel: the server cannot read every file that its operator can.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyText {
    path: PathBuf,
    key: Zeroizing<String>,
}

impl KeyText {
    fn of(key: &KeyFile, path: PathBuf) -> Self {
        Self { path, key: key.to_text() }
    }

    /// The key file that a flag names.
    pub(crate) fn named(place: &Place) -> Result<Option<Self>, Failure> {
        let Some(path) = &place.key_file else { return Ok(None) };
        let key = KeyFile::open(path, Access::Owner).map_err(|error| failure("the key file", error))?;
        Ok(Some(Self::of(&key, std::path::absolute(path)?)))
    }

    pub(crate) fn seal(&self) -> Result<Box<dyn Seal>, Failure> {
        let seal = KeyFile::parse(self.key.as_bytes(), Some(&self.path));
        Ok(Box::new(seal.ok_or_else(|| failure(self.path.display(), "that is not a key"))?))
    }
}

/// Seals that open slots already, beside those at hand where the change is made.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    key_file: Option<KeyText>,
    passphrase: Option<Zeroizing<String>>,
    shares: Vec<Zeroizing<String>>,
}

/// Seals that are to open new slots.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    key_file: Option<KeyText>,
    passphrase: Option<Zeroizing<String>>,
    /// As many as make the seal.
    shares: Vec<Zeroizing<String>>,
}

impl Given {
    /// What flags and environment give, and shares from standard input if they are asked for.
    pub(crate) fn collect(place: &Place, with_shares: bool) -> Result<Self, Failure> {
        Ok(Self {
            key_file: KeyText::named(place)?,
            passphrase: seal::passphrase(place)?,
            shares: if with_shares { shares::read()? } else { Vec::new() },
        })
    }

    fn seals(&self) -> Result<Vec<Box<dyn Seal>>, Failure> {
        let mut seals: Vec<Box<dyn Seal>> = Vec::new();
        if let Some(key) = &self.key_file {
            seals.push(key.seal()?);
        }
        if let Some(text) = &self.passphrase {
            seals.push(passphrase(text));
        }
        seals.extend(shares::combine(&self.shares)?);
        Ok(seals)
    }
}

impl New {
    /// What a command line names. New shares are shown before anything depends on them: were they lost on the way, so would be what
    /// they open. None are shown for a sealed server, which cannot take them.
    pub(crate) fn collect(place: &Place, new: &NewSeals) -> Result<Self, Failure> {
        let data = Opening::locate(place)?.data;
        if matches!(data.claim_unless_served(), Ok(None)) && is_sealed(&ask(&data, &Command::Status {})?) {
            return Err(sealed());
        }
        let passphrase_file = new.new_passphrase_file.as_ref();
        let source = passphrase_file.map(|path| Source::Path(path.clone()));
        let mut texts = Vec::new();
        if let Some(split) = new.shamir {
            let (_, made) = shares::split(split);
            shares::show(&made, split)?;
            texts.extend(made.iter().take(split.threshold().into()).map(Share::to_text));
        }
        let key_file = match &new.new_key_file {
            Some(path) => {
                let (key, path) = seal::key_file(path, &SystemRandom)?;
                Some(KeyText::of(&key, path))
            }
            None => None,
        };
        Ok(Self {
            key_file,
            passphrase: source.as_ref().map(seal::passphrase_of).transpose()?,
            shares: texts,
        })
    }

    fn seals(&self) -> Result<Vec<Box<dyn Seal>>, Failure> {
        let mut seals: Vec<Box<dyn Seal>> = Vec::new();
        if let Some(key) = &self.key_file {
            seals.push(key.seal()?);
        }
        if let Some(text) = &self.passphrase {
            seals.push(passphrase(text));
        }
        seals.extend(shares::combine(&self.shares)?);
        Ok(seals)
    }
}

fn passphrase(text: &str) -> Box<dyn Seal> {
    Box::new(Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())))
}

/// Has a command run by the server of the deployment, or, if none runs, here and now, recorded all the same.
pub(crate) fn run(place: &Place, command: &Command) -> Result<Value, Failure> {
    run_with(Opening::locate(place)?, command, None)
}

/// The same for a deployment that was located, with an open file if the command takes one.
pub(crate) fn run_with(opening: Opening, command: &Command, file: Option<File>) -> Result<Value, Failure> {
    let Some(claim) = opening.data.claim_unless_served()? else {
        return ask_with(&opening.data, command, file.as_ref());
    };
    let given = match command {
        Command::AddSlots { given, .. }
        | Command::RemoveSlot { given, .. }
        | Command::Rekey { given, .. } => given.seals()?,
        _ => Vec::new(),
    };
    let given: Vec<&dyn Seal> = given.iter().map(|seal| &**seal).collect();
    let here = Here::open(opening, &given, claim)?;
    let result = here.obey(command, file);
    here.close()?;
    result
}

/// Whoever runs this command.
pub(crate) fn oneself() -> Result<Operator, Failure> {
    let uid = std::fs::metadata("/proc/self")?.uid();
    Ok(Operator { uid, pid: i32::try_from(std::process::id()).ok() })
}

/// A deployment that nobody serves, opened to do what is asked of it here.
pub(crate) struct Here {
    _claim: File,
    commanded: Commanded,
    by: Operator,
    runtime: Runtime,
}

impl Here {
    /// Opens a deployment that was claimed, with the seals that are given or those at hand.
    pub(crate) fn open(opening: Opening, given: &[&dyn Seal], claim: File) -> Result<Self, Failure> {
        let deployment = opening.also_with(given)?;
        let gate = Arc::new(Gate::sealed(&services(Parts::default()), String::new));
        drop(gate.open(deployment));
        let commanded = Commanded::new(gate, opening);
        let by = oneself()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { _claim: claim, commanded, by, runtime })
    }

    /// Does what a command asks, recorded as a server would record it.
    pub(crate) fn obey(&self, command: &Command, file: Option<File>) -> Result<Value, Failure> {
        self.runtime.block_on(self.commanded.obey(command, file, self.by))
    }

    /// Closes the deployment.
    pub(crate) fn close(self) -> Result<(), Failure> {
        Ok(self.runtime.block_on(self.commanded.gate.seal())?)
    }
}

/// Adds a slot for each new seal, or for each seal at hand that opens none.
pub(crate) fn add(keyring: &Keyring, opening: &Opening, new: &New) -> Result<Value, Failure> {
    let mut seals = new.seals()?;
    for seal in &seals {
        if let Some(slot) = opened_by(opening, &**seal)?.first() {
            return Err(Failure(format!("the new {} opens slot {} already", seal.kind(), slot.number)));
        }
    }
    if seals.is_empty() {
        let at_hand = opening.at_hand()?;
        if let Some(Failure { message: fault, .. }) = at_hand.faults.first() {
            return Err(Failure(fault.clone()));
        }
        for seal in at_hand.seals {
            if opened_by(opening, &*seal)?.is_empty() {
                seals.push(seal);
            }
        }
    }
    if seals.is_empty() {
        return Err(Failure("every seal at hand opens a slot already: name a new one".to_owned()));
    }
    let added = seals.iter().map(|seal| keyring.add_slot(&**seal)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "slots": added }))
}

/// What a new root key is to be wrapped by.
pub(crate) struct Plan {
    kept: Vec<(u32, Box<dyn Seal>)>,
    new: Vec<Box<dyn Seal>>,
    new_key_file: Option<PathBuf>,
    dropped: Vec<SlotInfo>,
}

impl Plan {
    /// Decides which slots stay: those whose seals are at hand, unless they are dropped or a new seal of their kind takes their place.
    ///
    /// # Errors
    /// A slot would be lost without anybody having said so.
    pub(crate) fn make(
        opening: &Opening,
        given: &Given,
        new: &New,
        drop: &BTreeSet<u32>,
    ) -> Result<Self, Failure> {
        let slots = Keyring::inspect(&opening.data.keyring())?.slots;
        if let Some(number) = drop.iter().find(|number| slots.iter().all(|slot| slot.number != **number)) {
            return Err(Failure(format!("the keyring has no slot {number}")));
        }
        let new_seals = new.seals()?;
        let goes = |slot: &SlotInfo| {
            drop.contains(&slot.number) || new_seals.iter().any(|seal| seal.kind() == slot.kind())
        };
        let at_hand = opening.at_hand()?;
        let mut faults: Vec<String> =
            at_hand.faults.into_iter().map(|Failure { message: fault, .. }| fault).collect();
        let mut kept: Vec<(u32, Box<dyn Seal>)> = Vec::new();
        for seal in at_hand.seals.into_iter().chain(given.seals()?) {
            let opened = opened_by(opening, &*seal).unwrap_or_else(|Failure { message: fault, .. }| {
                faults.push(fault);
                Vec::new()
            });
            let stays =
                |slot: &&SlotInfo| !goes(slot) && kept.iter().all(|(number, _)| *number != slot.number);
            if let Some(slot) = opened.iter().find(stays) {
                kept.push((slot.number, seal));
            }
        }
        let is_kept = |slot: &SlotInfo| kept.iter().any(|(number, _)| *number == slot.number);
        if let Some(slot) = slots.iter().find(|slot| !goes(slot) && !is_kept(slot)) {
            let faults: String = faults.iter().map(|fault| format!(" ({fault})")).collect();
            return Err(Failure(format!(
                "slot {number} ({kind}) would be lost, as its seal is not at hand{faults}: give it, or a new one of its kind, or \
                 drop it with --drop {number}",
                number = slot.number,
                kind = slot.kind(),
            )));
        }
        let dropped = slots.iter().filter(|slot| !is_kept(slot)).cloned().collect();
        Ok(Self {
            kept,
            new: new_seals,
            new_key_file: new.key_file.as_ref().map(|key| key.path.clone()),
            dropped,
        })
    }

    /// For the trail.
    pub(crate) fn details(&self) -> Value {
        let kept: Vec<_> = self.kept.iter().map(|(number, _)| number).collect();
        let new: Vec<_> = self.new.iter().map(|seal| seal.kind().name()).collect();
        json!({ "keptSlots": kept, "newSeals": new, "droppedSlots": numbers(&self.dropped) })
    }

    /// Rekeys. A new key file is written down as the default one in a way that one of both opens the keyring, whenever this breaks off.
    pub(crate) fn carry_out(&self, keyring: &Keyring, opening: &Opening) -> Result<Value, Failure> {
        let seals: Vec<&dyn Seal> =
            self.kept.iter().map(|(_, seal)| &**seal).chain(self.new.iter().map(|seal| &**seal)).collect();
        let moved = match &self.new_key_file {
            Some(new) => current_key_file(opening)?.map(|old| (old, new.clone())),
            None => None,
        };
        if let Some((old, new)) = &moved {
            let (path, successor) = (old.clone(), Some(new.clone()));
            opening.data.write_seal(SealPlace::KeyFile { path, successor }, keyring)?;
        }
        let rekeyed = keyring.rekey(&seals)?;
        if let Some((_, path)) = moved
            && let Err(Failure { message: error, .. }) =
                opening.data.write_seal(SealPlace::KeyFile { path, successor: None }, keyring)
        {
            // Both files stay written down, and one of them opens the keyring.
            tracing::warn!(error, "the new key file could not be written down as the only one");
        }
        Ok(json!({
            "epoch": rekeyed.epoch,
            "generation": keyring.generation(),
            "slots": rekeyed.slots,
            "dropped": numbers(&rekeyed.dropped),
        }))
    }
}

/// Whether a seal that flags, environment or configuration name opens the keyring as it is now.
pub(crate) fn opens_by_itself(place: &Place) -> Result<bool, Failure> {
    let opening = Opening::locate(place)?;
    Ok(opening.at_hand()?.seals.iter().any(|seal| opens_any(&opening, &**seal)))
}

/// The key file that is written down, if one is: of two, the one that opens the keyring now.
fn current_key_file(opening: &Opening) -> Result<Option<PathBuf>, Failure> {
    let Some(SealPlace::KeyFile { path, successor }) = opening.data.describe()?.map(|found| found.seal)
    else {
        return Ok(None);
    };
    let opens =
        |path: &PathBuf| KeyFile::open(path, Access::Owner).is_ok_and(|seal| opens_any(opening, &seal));
    Ok(Some(successor.filter(opens).unwrap_or(path)))
}

fn opens_any(opening: &Opening, seal: &dyn Seal) -> bool {
    opened_by(opening, seal).is_ok_and(|slots| !slots.is_empty())
}

fn numbers(slots: &[SlotInfo]) -> Vec<u32> {
    slots.iter().map(|slot| slot.number).collect()
}

/// The slots that a seal opens.
fn opened_by(opening: &Opening, seal: &dyn Seal) -> Result<Vec<SlotInfo>, Failure> {
    let trials = Keyring::drill(&opening.data.keyring(), &[seal])?;
    let mut opened = Vec::new();
    for (slot, trial) in trials {
        match trial {
            Trial::Opens => opened.push(slot),
            Trial::Fails(error @ KeyringError::Unusable { .. }) => return Err(error.into()),
            Trial::Fails(_) | Trial::NotAtHand => {}
        }
    }
    Ok(opened)
}
