//! `fastness slots`: what opens the keyring.

use crate::admin::Command;
use crate::args::{SlotsAddArgs, SlotsArgs, SlotsCommand, SlotsListArgs, SlotsRemoveArgs, SlotsVerifyArgs};
use crate::changes::{self, Given, New};
use crate::opening::Opening;
use crate::{Failure, rekey, seal, shares};
use keyring::{Keyring, Seal, Trial};
use std::io::Write as _;
use std::process::ExitCode;

pub(crate) fn run(args: &SlotsArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        SlotsCommand::List(args) => list(args),
        SlotsCommand::Add(args) => add(args),
        SlotsCommand::Remove(args) => remove(args),
        SlotsCommand::Verify(args) => verify(args),
    }
}

fn list(args: &SlotsListArgs) -> Result<ExitCode, Failure> {
    let opening = Opening::locate(&args.place)?;
    let mut out = crate::output::output();
    for slot in Keyring::inspect(&opening.data.keyring())?.slots {
        let about = seal::about(&slot, &opening.description.seal);
        writeln!(out, "{:<4} {:<10} {about}", slot.number, slot.kind().name())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn add(args: &SlotsAddArgs) -> Result<ExitCode, Failure> {
    let given = Given::collect(&args.place, args.shares)?;
    let command = Command::AddSlots { given, new: New::collect(&args.place, &args.new)? };
    let answer = changes::run(&args.place, &command)?;
    let slots = rekey::list(answer.get("slots").unwrap_or_default());
    writeln!(std::io::stdout(), "Added slot {slots}.")?;
    Ok(ExitCode::SUCCESS)
}

fn remove(args: &SlotsRemoveArgs) -> Result<ExitCode, Failure> {
    let given = Given::collect(&args.place, args.shares)?;
    changes::run(&args.place, &Command::RemoveSlot { given, number: args.number })?;
    writeln!(std::io::stdout(), "Removed slot {}.", args.number)?;
    Ok(ExitCode::SUCCESS)
}

/// Fails if a seal at hand does not open its slot, or none is at hand.
fn verify(args: &SlotsVerifyArgs) -> Result<ExitCode, Failure> {
    let opening = Opening::locate(&args.place)?;
    let at_hand = opening.at_hand()?;
    let typed = if args.shares { shares::combine(&shares::read()?)? } else { None };
    let seals: Vec<&dyn Seal> = at_hand.refs().into_iter().chain(typed.as_deref()).collect();
    let mut out = crate::output::output();
    for Failure(fault) in &at_hand.faults {
        writeln!(out, "{fault}")?;
    }
    let (mut opened, mut failed) = (0, at_hand.faults.len());
    for (slot, trial) in Keyring::drill(&opening.data.keyring(), &seals)? {
        let result = match trial {
            Trial::Opens => {
                opened += 1;
                "opens".to_owned()
            }
            Trial::NotAtHand => "not tried: its seal is not at hand".to_owned(),
            Trial::Fails(error) => {
                failed += 1;
                format!("does not open: {error}")
            }
        };
        writeln!(out, "{:<4} {:<10} {result}", slot.number, slot.kind().name())?;
    }
    Ok(if opened > 0 && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
