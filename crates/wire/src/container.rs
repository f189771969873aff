//! How lists, maps, structures and unions are read, whatever the syntax.

use std::borrow::Cow;

use crate::{
    constraint::{self, Seen},
    field::{Choice, Entries, Field, Items, Malformed, Reader},
    schema::{Location, Schema},
};

/// A syntax with lists and with objects whose members have names; `'a` is the life of the input.
pub(crate) trait Syntax<'a>: Reader + Sized {
    /// What has to be known in the middle of a list or object.
    type Progress;
    /// Goes into a list. `what` names what is expected, for the error.
    fn open_list(&mut self, what: &'static str) -> Result<Self::Progress, Malformed>;
    /// Goes into an object.
    fn open_object(&mut self, what: &'static str) -> Result<Self::Progress, Malformed>;
    /// Goes to the next item or member, or out of the list or object if there is none.
    fn next(&mut self, progress: &mut Self::Progress) -> Result<bool, Malformed>;
    /// Takes the name of a member.
    fn key(&mut self) -> Result<Cow<'a, str>, Malformed>;
    /// Takes a null, if that is what comes.
    fn null(&mut self) -> Result<bool, Malformed>;
    /// Steps over one value of any type.
    fn skip(&mut self) -> Result<(), Malformed>;
}

/// Reads a list; see [`Reader::list`]. Items beyond the greatest length are counted but not kept.
pub(crate) fn list<'a, S: Syntax<'a>>(
    syntax: &mut S,
    schema: &'static Schema,
    items: &mut dyn Items,
) -> Result<usize, Malformed> {
    let Some(element) = schema.element else { return Err(Malformed::new("not a list")) };
    let kept_max = kept_max(schema);
    let mut count: usize = 0;
    let mut progress = syntax.open_list("a list")?;
    while syntax.next(&mut progress)? {
        syntax.trace().count_item()?;
        let mark = syntax.trace().mark();
        if syntax.null()? {
            constraint::null_item(syntax.trace());
        } else if let Some(slot) = (count < kept_max).then(|| items.push()).flatten() {
            slot.read(syntax, element.schema)?;
        } else {
            syntax.skip()?;
        }
        syntax.trace().item(mark, count);
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// Reads a map; see [`Reader::map`]. An entry without a value is no entry; entries beyond the greatest length are
/// counted but not kept.
pub(crate) fn map<'a, S: Syntax<'a>>(
    syntax: &mut S,
    schema: &'static Schema,
    entries: &mut dyn Entries,
) -> Result<usize, Malformed> {
    let Some(element) = schema.value else { return Err(Malformed::new("not a map")) };
    let kept_max = kept_max(schema);
    let mut count: usize = 0;
    let mut progress = syntax.open_object("a map")?;
    while syntax.next(&mut progress)? {
        syntax.trace().count_item()?;
        let key = syntax.key()?;
        if syntax.null()? {
            continue;
        }
        constraint::key(syntax.trace(), schema, &key);
        if count < kept_max {
            let mark = syntax.trace().mark();
            let slot = entries.entry(key.clone().into_owned());
            slot.clear();
            slot.read(syntax, element.schema)?;
            syntax.trace().entry(mark, schema, &key);
        } else {
            syntax.skip()?;
        }
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// Reads a structure; see [`Reader::structure`].
pub(crate) fn structure<'a, S: Syntax<'a>>(
    syntax: &mut S,
    schema: &'static Schema,
    slots: &mut [&mut dyn Field],
) -> Result<(), Malformed> {
    let mut seen = Seen::default();
    members(syntax, schema, slots, &mut seen, false)?;
    constraint::required(syntax.trace(), schema, &seen);
    Ok(())
}

/// Reads the members of an object into their slots and notes them in `seen`. `body_only` leaves out members that the
/// REST protocols bind elsewhere.
pub(crate) fn members<'a, S: Syntax<'a>>(
    syntax: &mut S,
    schema: &'static Schema,
    slots: &mut [&mut dyn Field],
    seen: &mut Seen,
    body_only: bool,
) -> Result<(), Malformed> {
    let mut progress = syntax.open_object("a structure")?;
    let mut hint = 0;
    while syntax.next(&mut progress)? {
        let key = syntax.key()?;
        let found =
            schema.find(&key, hint).filter(|(_, member)| !body_only || member.location == Location::Body);
        let Some((index, member)) = found else {
            syntax.skip()?;
            continue;
        };
        let Some(slot) = slots.get_mut(index) else { return Err(Malformed::new("more members than fields")) };
        hint = index.saturating_add(1);
        if syntax.null()? {
            slot.clear();
            seen.set(index, false);
        } else {
            if seen.set(index, true) {
                slot.clear();
            }
            let mark = syntax.trace().mark();
            slot.read(syntax, member.schema)?;
            syntax.trace().member(mark, member);
        }
    }
    Ok(())
}

/// Reads a union; see [`Reader::union`]. Nulls and `__type` are ignored; what is left must be one known member.
pub(crate) fn union<'a, S: Syntax<'a>>(
    syntax: &mut S,
    schema: &'static Schema,
    choice: &mut dyn Choice,
) -> Result<(), Malformed> {
    let mut chosen = false;
    let mut progress = syntax.open_object("a union")?;
    while syntax.next(&mut progress)? {
        let key = syntax.key()?;
        let ignored = if key == "__type" { syntax.skip().map(|()| true)? } else { syntax.null()? };
        if ignored {
            continue;
        }
        let found = schema.find(&key, 0);
        let slot = found.and_then(|(index, member)| choice.choose(index).map(|slot| (member, slot)));
        let (member, slot) = slot.ok_or(Malformed::new("unknown member of a union"))?;
        if std::mem::replace(&mut chosen, true) {
            return Err(Malformed::new("more than one member of a union"));
        }
        let mark = syntax.trace().mark();
        slot.read(syntax, member.schema)?;
        syntax.trace().member(mark, member);
    }
    if chosen { Ok(()) } else { Err(Malformed::new("union without a member")) }
}

/// How many items of a list or map are worth keeping: more are refused in any case.
pub(crate) fn kept_max(schema: &'static Schema) -> usize {
    schema.max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX)
}
