//! `fastness xks`: the keys by which external key stores call this deployment as their proxy. What they then may is what the key's user
//! may.

use crate::admin::{self, Command, merge, words};
use crate::args::{Place, XksArgs, XksCommand};
use crate::config::Config;
use crate::deployment::Data;
use crate::exit::Exit;
use crate::{Failure, failure, output};
use serde_json::{Value, json};
use server::Deployment;
use std::io::Write as _;
use std::process::ExitCode;

pub(crate) fn run(args: &XksArgs) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout();
    match &args.command {
        XksCommand::Create(args) => {
            let made = ask(&args.place, &Command::CreateProxyKey { user: args.user.clone() })?;
            writeln!(out, "{made:#}")?;
        }
        XksCommand::List(args) => {
            let keys = ask(&args.place, &Command::ProxyKeys {})?;
            output::print(
                || keys.clone(),
                |out| {
                    for key in keys.as_array().into_iter().flatten() {
                        let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or("-");
                        let (id, status) = (text("AccessKeyId"), text("Status"));
                        writeln!(out, "{id} {status:<8} {} {}", text("CreateDate"), text("User"))?;
                    }
                    Ok(())
                },
            )?;
        }
        XksCommand::Disable(args) => {
            ask(&args.place, &Command::SetProxyKeyActive { id: args.id.clone(), active: false })?;
        }
        XksCommand::Enable(args) => {
            ask(&args.place, &Command::SetProxyKeyActive { id: args.id.clone(), active: true })?;
        }
        XksCommand::Delete(args) => {
            ask(&args.place, &Command::DeleteProxyKey { id: args.id.clone() })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(place: &Place, command: &Command) -> Result<Value, Failure> {
    let config = Config::read(place)?;
    admin::ask(&Data::locate(place, &config)?, command)
}

/// Makes a key, and answers what the console of AWS KMS and `CreateCustomKeyStore` take (XKS Proxy API Specification, "XKS proxy
/// configuration in AWS KMS console").
pub(crate) async fn create(
    deployment: &Deployment,
    account: &str,
    user: &str,
    by: Value,
) -> Result<Value, Failure> {
    let work = |cx: &mut platform::Cx<'_>| {
        let key = iam::create_proxy_key(cx, account, user)?;
        let told = details(&by, json!({ "accessKeyId": key.id, "user": user }));
        Ok((key, told))
    };
    let key = deployment.operate("CreateProxyKey", work).await.map_err(words)?;
    Ok(json!({
        "XksProxyUriPath": format!("/{}{}", key.user_id, kms::XKS_PATH),
        "XksProxyAuthenticationCredential": {
            "AccessKeyId": key.id,
            "RawSecretAccessKey": key.secret.as_str(),
        },
    }))
}

/// Lists the keys.
pub(crate) async fn list(deployment: &Deployment, by: Value) -> Result<Value, Failure> {
    let work = |cx: &mut platform::Cx<'_>| Ok((iam::proxy_keys(cx)?, by.clone()));
    let keys = deployment.operate("ListProxyKeys", work).await.map_err(words)?;
    let keys = keys.into_iter().map(|key| {
        json!({
            "AccessKeyId": key.id,
            "Status": if key.active { "Active" } else { "Inactive" },
            "CreateDate": key.created.to_string(),
            "User": key.user.map(|(arn, _)| arn),
        })
    });
    Ok(keys.collect())
}

/// Lets a key be used, or not.
pub(crate) async fn set_active(
    deployment: &Deployment,
    id: &str,
    active: bool,
    by: Value,
) -> Result<Value, Failure> {
    let work = |cx: &mut platform::Cx<'_>| {
        let told = details(&by, json!({ "accessKeyId": id, "active": active }));
        Ok((iam::set_proxy_key_active(cx, id, active)?, told))
    };
    let there = deployment.operate("UpdateProxyKey", work).await.map_err(words)?;
    found(there, id)
}

/// Removes a key.
pub(crate) async fn delete(deployment: &Deployment, id: &str, by: Value) -> Result<Value, Failure> {
    let work = |cx: &mut platform::Cx<'_>| {
        Ok((iam::delete_proxy_key(cx, id)?, details(&by, json!({ "accessKeyId": id }))))
    };
    let there = deployment.operate("DeleteProxyKey", work).await.map_err(words)?;
    found(there, id)
}

fn found(there: bool, id: &str) -> Result<Value, Failure> {
    if there { Ok(json!({})) } else { Err(failure("no such key", id).with(Exit::Absent)) }
}

fn details(by: &Value, more: Value) -> Value {
    let mut details = by.clone();
    merge(&mut details, more);
    details
}
