//! `cargo xtask coverage`: how much of each API there is.

use crate::config::Config;
use crate::files::Result;
use crate::models;

/// Prints a table, one service a line.
#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
pub(crate) fn print(missing: bool) -> Result<()> {
    let config = Config::read()?;
    for service in config.services() {
        let implemented = config.implemented(service);
        let operations = models::load(service)?.operations;
        println!("{service:16} {:4} of {:4}", implemented.len(), operations.len());
        if missing {
            for name in operations.keys().filter(|name| !implemented.contains(name)) {
                println!("  {name}");
            }
        }
    }
    Ok(())
}
