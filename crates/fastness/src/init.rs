//! `fastness init`: a new deployment.

use crate::args::{InitArgs, Place};
use crate::config::{Config, LISTEN_DEFAULT};
use crate::credentials::RootKey;
use crate::deployment::{Data, Description, SealPlace};
use crate::tls::Setup;
use crate::{Failure, output, ownership, seal, shares};
use keyring::{Keyring, Random, Seal, SlotInfo, SystemRandom, Wrapping};
use platform::{Tx, Vouching, ids};
use serde_json::json;
use server::{Clock as _, SystemClock};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use store::{Embedded, Store};

/// The region that is exported if nobody says another.
const REGION_DEFAULT: &str = "us-east-1";

/// What was made.
pub(crate) struct Made {
    pub(crate) account: String,
    pub(crate) seal: SealPlace,
    pub(crate) slots: Vec<SlotInfo>,
    pub(crate) tls: Option<Setup>,
}

pub(crate) fn run(args: &InitArgs) -> Result<ExitCode, Failure> {
    let config = Config::read(&args.place)?;
    let data = Data::locate(&args.place, &config)?;
    let shamir = args.shamir.map(shares::split);
    let seal = shamir.as_ref().map(|(seal, _)| seal as &dyn Seal);
    let wanted =
        Wanted { account: args.account_id.clone(), region: args.region.clone(), scratch: args.scratch };
    let made_by_root = require_place(&args.place, &config, &data)?;
    let made = create(&args.place, &config, &data, seal, wanted, args.tls)?;
    ownership::hand_over(&config, &data, &made_by_root)?;
    if output::wants_json() {
        let slot = |slot: &SlotInfo| json!({ "slot": slot.number, "kind": slot.kind().name(), "about": seal::about(slot, &made.seal) });
        let shares: Option<Vec<String>> = shamir
            .as_ref()
            .map(|(_, shares)| shares.iter().map(|share| share.to_text().to_string()).collect());
        let facts = || {
            json!({
                "data": data.path(), "account": made.account, "slots": made.slots.iter().map(slot).collect::<Vec<_>>(), "shares": shares,
                "caBundle": made.tls.as_ref().and_then(|setup| setup.ca_bundle(&data)),
            })
        };
        output::print(facts, |_| Ok(()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = std::io::stdout();
    writeln!(out, "Created a deployment in {}", data.path().display())?;
    writeln!(out, "  account   {}", made.account)?;
    for slot in &made.slots {
        match (&slot.wrapping, &made.seal) {
            (Wrapping::KeyFile(_), SealPlace::KeyFile { path, .. }) => writeln!(
                out,
                "  key file  {}  (opens the keyring: back it up, apart from the data)",
                path.display()
            )?,
            _ => writeln!(out, "  seal      {}", seal::about(slot, &made.seal))?,
        }
    }
    if let Some((split, (_, made))) = args.shamir.zip(shamir.as_ref()) {
        shares::show(made, split)?;
    }
    if let Some(bundle) = made.tls.as_ref().and_then(|setup| setup.ca_bundle(&data)) {
        writeln!(out, "  TLS       AWS_CA_BUNDLE={}  (what clients have to trust)", bundle.display())?;
    }
    let place = Place { key_file: None, ..args.place.clone() };
    writeln!(out, "Serve it:  {}", place.hint("serve"))?;
    if args.shamir.is_some() && made.slots.len() == 1 {
        writeln!(out, "Unseal it: {}", place.hint("unseal --shares"))?;
    }
    let shares = if args.shamir.is_some() && made.slots.len() == 1 { " --shares" } else { "" };
    writeln!(out, "Use it:    eval \"$({})\"", place.hint(&format!("env{shares}")))?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses places that the user who is to serve cannot reach; tells what there is to hand over to that user once it is made.
pub(crate) fn require_place(place: &Place, config: &Config, data: &Data) -> Result<Vec<PathBuf>, Failure> {
    let key_file = seal::key_file_to_make(place, config)?;
    let made_file = config.tls.as_ref().and_then(|tls| tls.made_file.clone());
    let mut wanted = vec![("--data", data.path())];
    wanted.extend(key_file.as_deref().map(|path| ("--key-file", path)));
    wanted.extend(made_file.as_deref().map(|path| ("tls.made-file", path)));
    ownership::require_reachable(config, &wanted)?;
    Ok([key_file.as_deref(), made_file.as_deref()]
        .into_iter()
        .flatten()
        .flat_map(ownership::absent)
        .collect())
}

/// The choices of whoever makes a deployment.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Its account id; random if none.
    pub(crate) account: Option<String>,
    /// The Region that `fastness env` exports.
    pub(crate) region: Option<String>,
    /// Made for tests, by `fastness dev`.
    pub(crate) scratch: bool,
}

/// Makes a deployment in an empty directory, with a slot for each seal that flags, environment and configuration name, and for the one
/// that shares make, if there is one.
pub(crate) fn create(
    place: &Place,
    config: &Config,
    data: &Data,
    shares: Option<&dyn Seal>,
    wanted: Wanted,
    tls: bool,
) -> Result<Made, Failure> {
    let random = SystemRandom;
    let account = wanted.account.unwrap_or_else(|| ids::account(&random));
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure(format!(
            "the account id `{account}` of --account-id or FASTNESS_ACCOUNT_ID does not have 12 digits: give so many, or none for a random one"
        )));
    }
    let region = wanted.region.as_deref().unwrap_or(REGION_DEFAULT);
    config.require_served("--region", region)?;
    let root = RootKey::choose(&random)?;
    root.require_strength(config.listen.unwrap_or(LISTEN_DEFAULT))?;
    data.create()?;
    let mut id = [0_u8; 8];
    random.fill(&mut id);
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let (seals, seal_place) = seal::new(place, config, &id, shares.is_some(), &random)?;
    let mut seals = seals.iter().map(|seal| &**seal).chain(shares);
    let first = seals.next().ok_or_else(|| Failure("nothing would open the keyring".to_owned()))?;
    let keyring = Keyring::create(&data.keyring(), first, Arc::new(random))
        .map_err(|error| seal::unusable(first, &error))?;
    for seal in seals {
        keyring.add_slot(seal).map_err(|error| seal::unusable(seal, &error))?;
    }
    let now = SystemClock.now();
    let (sizes, witness) = (config.disk.sizes(), Arc::new(Vouching::new(&keyring)));
    let store = Store::open(Embedded::create_with(&data.store(), sizes, witness)?)?;
    let mut tx = Tx::begin(&store, &keyring);
    iam::bootstrap(&mut tx, &keyring, &account, &root.access_key_id, &root.secret_access_key, now)
        .map_err(|fault| Failure(fault.for_operator()))?;
    store.commit_blocking(tx.into_txn())?;
    store.close_blocking()?;
    root.write(data, &keyring)?;
    let tls = Setup::choose(tls, config, data, &id, config.listen.unwrap_or(LISTEN_DEFAULT))?;
    if let Some(setup) = &tls {
        setup.prepare(data, &keyring)?;
    }
    let mut description = Description::new(id, &account, region, now.rfc3339(), seal_place.clone());
    description.scratch = wanted.scratch;
    data.write_description(description, &keyring)?;
    Ok(Made { account, seal: seal_place, slots: keyring.slots(), tls })
}
