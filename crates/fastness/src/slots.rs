//! `fastness slots`: what opens the keyring.

use crate::admin::Command;
use crate::args::{SlotsAddArgs, SlotsArgs, SlotsCommand, SlotsListArgs, SlotsRemoveArgs, SlotsVerifyArgs};
use crate::changes::{self, Given, New};
use crate::exit::Exit;
use crate::opening::Opening;
use crate::{Failure, output, rekey, seal, shares};
use keyring::{Keyring, Seal, SlotInfo, Trial};
use serde_json::json;
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
    let slots = Keyring::inspect(&opening.data.keyring())?.slots;
    let about = |slot: &SlotInfo| seal::about(slot, &opening.description.seal);
    let text = |out: &mut output::Output| {
        for slot in &slots {
            writeln!(out, "{:<4} {:<10} {}", slot.number, slot.kind().name(), about(slot))?;
        }
        Ok(())
    };
    let fact =
        |slot: &SlotInfo| json!({ "slot": slot.number, "kind": slot.kind().name(), "about": about(slot) });
    output::print(|| slots.iter().map(fact).collect(), text)?;
    Ok(ExitCode::SUCCESS)
}

fn add(args: &SlotsAddArgs) -> Result<ExitCode, Failure> {
    let given = Given::collect(&args.place, args.shares)?;
    let command = Command::AddSlots { given, new: New::collect(&args.place, &args.new)? };
    let answer = changes::run(&args.place, &command)?;
    let slots = rekey::list(answer.get("slots").unwrap_or_default());
    output::print(|| answer.clone(), |out| Ok(writeln!(out, "Added slot {slots}.")?))?;
    Ok(ExitCode::SUCCESS)
}

fn remove(args: &SlotsRemoveArgs) -> Result<ExitCode, Failure> {
    let given = Given::collect(&args.place, args.shares)?;
    changes::run(&args.place, &Command::RemoveSlot { given, number: args.number })?;
    let removed = || json!({ "removed": args.number });
    output::print(removed, |out| Ok(writeln!(out, "Removed slot {}.", args.number)?))?;
    Ok(ExitCode::SUCCESS)
}

/// Fails if a seal at hand does not open its slot, or none is at hand.
fn verify(args: &SlotsVerifyArgs) -> Result<ExitCode, Failure> {
    let opening = Opening::locate(&args.place)?;
    let at_hand = opening.at_hand()?;
    let typed = if args.shares { shares::combine(&shares::read()?)? } else { None };
    let seals: Vec<&dyn Seal> = at_hand.refs().into_iter().chain(typed.as_deref()).collect();
    let (mut opened, mut failed) = (0, at_hand.faults.len());
    let mut tried = Vec::new();
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
        tried.push((slot, result));
    }
    let faults: Vec<&str> = at_hand.faults.iter().map(|fault| fault.message.as_str()).collect();
    let fact = |(slot, result): &(SlotInfo, String)| json!({ "slot": slot.number, "kind": slot.kind().name(), "result": result });
    output::print(
        || json!({ "faults": faults, "slots": tried.iter().map(fact).collect::<Vec<_>>() }),
        |out| {
            for fault in &faults {
                writeln!(out, "{fault}")?;
            }
            for (slot, result) in &tried {
                writeln!(out, "{:<4} {:<10} {result}", slot.number, slot.kind().name())?;
            }
            Ok(())
        },
    )?;
    Ok(if opened > 0 && failed == 0 { ExitCode::SUCCESS } else { Exit::Locked.into() })
}
