//! Pages of a list: an opaque marker that only its own list, account and region can go on from.

use crate::Cx;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The longest marker that is looked at, in characters.
const MARKER_CHARS_MAX: usize = 4096;

/// A marker that this list did not give out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidMarker;

/// Makes the marker that stands for "after `last`" in `list`, which names the operation and whatever else the page depends on.
pub fn marker(cx: &Cx<'_>, list: &str, last: &str) -> Result<String, crate::Fault> {
    let sealed = cx.keyring().token_seal(&purpose(cx, list), last.as_bytes())?;
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

/// Where a marker says to go on.
///
/// # Errors
/// The marker was altered, or made for another list, account or region.
pub fn after(cx: &Cx<'_>, list: &str, marker: Option<&str>) -> Result<Option<String>, InvalidMarker> {
    let Some(marker) = marker else { return Ok(None) };
    if marker.len() > MARKER_CHARS_MAX {
        return Err(InvalidMarker);
    }
    let sealed = URL_SAFE_NO_PAD.decode(marker).map_err(|_| InvalidMarker)?;
    let last = cx.keyring().token_open(&purpose(cx, list), &sealed).map_err(|_| InvalidMarker)?;
    String::from_utf8(last.to_vec()).map(Some).map_err(|_| InvalidMarker)
}

fn purpose(cx: &Cx<'_>, list: &str) -> String {
    format!("page/{}/{}/{list}", cx.account(), cx.region())
}
