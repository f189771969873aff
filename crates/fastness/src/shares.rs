//! Shares: shown once, and typed in again.

use crate::exit::Exit;
use crate::{Failure, failure, output};
use keyring::{Seal, SystemRandom};
use seals::{Shamir, Share, Shares, Split};
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use zeroize::Zeroizing;

/// The longest line that is read, in bytes.
const LINE_BYTES_MAX: usize = 1024;

/// New shares, and the seal that they make.
pub(crate) fn split(split: Split) -> (Shamir, Vec<Share>) {
    Shamir::split(split, &SystemRandom)
}

/// Shows shares to whoever runs the command, the one time that they can be seen; to a program as an object of their own, before that of what
/// came of the command.
pub(crate) fn show(shares: &[Share], split: Split) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    if output::wants_json() {
        let texts: Vec<_> = shares.iter().map(|share| share.to_text().to_string()).collect();
        writeln!(out, "{}", json!({ "shares": texts, "threshold": split.threshold() }))?;
        return Ok(out.flush()?);
    }
    writeln!(
        out,
        "Shares: any {} of these {} open the keyring. They are shown this once; give each to somebody else.",
        split.threshold(),
        split.shares()
    )?;
    for share in shares {
        writeln!(out, "  {}", *share.to_text())?;
    }
    out.flush()?;
    Ok(())
}

/// Reads shares from standard input, one a line, until they are enough.
pub(crate) fn read() -> Result<Vec<Zeroizing<String>>, Failure> {
    let (mut shares, mut texts) = (Shares::default(), Vec::new());
    let too_few = each(|text| {
        let progress = shares.add(&text)?;
        texts.push(text);
        Ok(progress.given < progress.needed)
    })?;
    if too_few {
        shares.combine()?;
    }
    Ok(texts)
}

/// Hands each line of standard input on, as long as more are wanted. At a terminal, a line that is refused can be typed again.
/// Tells whether more are wanted still.
pub(crate) fn each(
    mut take: impl FnMut(Zeroizing<String>) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let terminal = std::io::stdin().is_terminal();
    let mut read_any = false;
    let mut input = std::io::stdin().lock();
    loop {
        if terminal {
            write!(std::io::stderr(), "Share: ")?;
        } else if !read_any {
            // Whoever sees nothing happen waits for it, while it waits for them.
            writeln!(std::io::stderr(), "fastness: reading shares from standard input, one a line")?;
        }
        let mut line = Zeroizing::new(String::with_capacity(LINE_BYTES_MAX));
        let mut limited = (&mut input).take(LINE_BYTES_MAX as u64);
        if limited.read_line(&mut line).map_err(|error| failure("standard input", error))? == 0 {
            if !read_any {
                return Err(Failure(
                    "standard input ended without a share: pass shares on, one a line, as `cat SHARES | fastness … --shares` does, or type them".to_owned(),
                )
                .with(Exit::Locked));
            }
            return Ok(true);
        }
        if line.trim().is_empty() {
            continue;
        }
        read_any = true;
        match take(Zeroizing::new(line.trim().to_owned())) {
            Ok(true) => {}
            Err(Failure { message: why, .. }) if terminal => writeln!(std::io::stderr(), "{why}")?,
            done => return done,
        }
    }
}

/// The seal that shares make.
pub(crate) fn combine(texts: &[Zeroizing<String>]) -> Result<Option<Box<dyn Seal>>, Failure> {
    if texts.is_empty() {
        return Ok(None);
    }
    let mut shares = Shares::default();
    for text in texts {
        shares.add(text)?;
    }
    Ok(Some(Box::new(shares.combine()?)))
}
