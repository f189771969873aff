//! Pages: a token holds the place to go on from and the time it was given, and is good for a quarter of an hour.

use crate::invalid;
use platform::{Cx, Fault, page};

/// How long a token is good, in milliseconds (API Reference, `GetResources`, "PaginationTokenExpiredException").
const TOKEN_GOOD_MS: i64 = 15 * 60 * 1000;

/// The token for what comes after `place` in a list; with no place, the empty one that ends the list.
pub(crate) fn token(cx: &Cx<'_>, list: &str, place: Option<&str>) -> Result<String, Fault> {
    match place {
        Some(place) => page::marker(cx, list, &format!("{}/{place}", cx.now().0)),
        None => Ok(String::new()),
    }
}

/// The place that a token stands for; none to begin with.
pub(crate) fn place(cx: &Cx<'_>, list: &str, token: Option<&String>) -> Result<Option<String>, Fault> {
    let token = token.map(String::as_str).filter(|token| !token.is_empty());
    let held = page::after(cx, list, token).map_err(|_| invalid("The PaginationToken is not valid."))?;
    let Some(held) = held else { return Ok(None) };
    let (given, place) = held.split_once('/').ok_or_else(|| Fault::bug("a token without its time"))?;
    let age = given.parse().map(|given: i64| cx.now().0.saturating_sub(given));
    match age {
        Ok(age) if age <= TOKEN_GOOD_MS => Ok(Some(place.to_owned())),
        _ => {
            let message = "A PaginationToken is valid for a maximum of 15 minutes. Your request was denied because \
                           the specified PaginationToken has expired.";
            Err(Fault::new("PaginationTokenExpiredException", message))
        }
    }
}
