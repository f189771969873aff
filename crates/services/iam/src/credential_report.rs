//! The credential report: a line of CSV for every user of an account, about when credentials were made and used.

use crate::access::Ask;
use crate::account::Account;
use crate::credentials::{Dated as _, Owner};
use crate::entity::{self, Entity, Kind, NAMES};
use crate::passwords::PasswordPolicy;
use crate::signing_certificates::CERTIFICATES;
use crate::users::User;
use crate::{Iam, access_keys, api, api::ReportFormatType, api::ReportStateType, api::ops};
use crate::{limits, login_profiles, mfa_assignments};
use platform::{Cx, Fault, Handle, Table, Tx};
use serde::{Deserialize, Serialize};
use wire::{Blob, Timestamp, Unit};

/// The last report of each account.
const REPORTS: Table<Report> = Table::new("iam/credential-reports");

/// The columns (IAM User Guide, "Getting credential reports for your AWS account").
const HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,\
                      mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
                      access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
                      access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
                      cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

/// Users that are read at once.
const USERS_AT_ONCE: usize = 256;

const NONE: &str = "N/A";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Report {
    /// In milliseconds since the epoch.
    made: i64,
    csv: String,
}

impl Report {
    fn is_good(&self, now: Timestamp) -> bool {
        now.0 - self.made < limits::REPORT_MS
    }
}

/// A time as the report has it.
fn time(milliseconds: i64) -> String {
    entity::seconds(milliseconds).rfc3339().replace('Z', "+00:00")
}

/// The columns of access keys and certificates, which users and the root user both have.
fn keys_and_certificates(tx: &mut Tx<'_>, ids: &[String], owner: &Owner) -> Result<Vec<String>, Fault> {
    let mut columns = Vec::new();
    for place in 0..limits::ACCESS_KEYS {
        let none = || NONE.to_owned();
        let Some(key) = ids.get(place) else {
            columns.extend(["false".to_owned(), none(), none(), none(), none()]);
            continue;
        };
        let (active, created, used) = access_keys::report(tx, key)?;
        columns.extend([active.to_string(), time(created)]);
        match used {
            Some((at, region, service)) => columns.extend([time(at), region, service]),
            None => columns.extend([none(), none(), none()]),
        }
    }
    let certificates = CERTIFICATES.all(tx, owner)?;
    for place in 0..limits::SIGNING_CERTIFICATES {
        match certificates.get(place) {
            Some((_, row)) => columns.extend([row.active.to_string(), time(row.created())]),
            None => columns.extend(["false".to_owned(), NONE.to_owned()]),
        }
    }
    Ok(columns)
}

fn of_root(tx: &mut Tx<'_>, account: &Account, id: &str) -> Result<Vec<String>, Fault> {
    let owner = Owner { account: id.to_owned(), id: id.to_owned() };
    let unknown = "not_supported";
    let first = ["<root_account>", &format!("arn:aws:iam::{id}:root"), &time(account.created()), unknown];
    let mut columns: Vec<String> = first.into_iter().map(str::to_owned).collect();
    columns.extend(["no_information", unknown, unknown, "false"].map(str::to_owned));
    columns.extend(keys_and_certificates(tx, &account.access_keys, &owner)?);
    Ok(columns)
}

fn of_user(tx: &mut Tx<'_>, user: &User, max_age_days: Option<i32>) -> Result<Vec<String>, Fault> {
    let (head, owner) = (user.head(), Owner::user(user));
    let mut columns = vec![head.name.clone(), user.arn(), time(head.created)];
    let none = NONE.to_owned();
    match login_profiles::find(tx, &owner)? {
        None => columns.extend(["false".to_owned(), none.clone(), none.clone(), none]),
        Some(profile) => {
            let next = max_age_days.map(|days| profile.changed.saturating_add(i64::from(days) * DAY_MS));
            let next = next.map_or(none, time);
            columns.extend(["true".to_owned(), "no_information".to_owned(), time(profile.changed), next]);
        }
    }
    columns.push(mfa_assignments::ASSIGNED.any(tx, &owner)?.to_string());
    columns.extend(keys_and_certificates(tx, &user.access_keys, &owner)?);
    Ok(columns)
}

/// Names and ARNs hold commas, which are quoted (RFC 4180). What a spreadsheet would take for a formula is a name all the same.
fn line(columns: &[String]) -> String {
    let quoted = |text: &String| {
        if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() }
    };
    columns.iter().map(quoted).collect::<Vec<_>>().join(",")
}

/// The report of the caller's account.
pub(crate) fn csv(cx: &mut Cx<'_>) -> Result<String, Fault> {
    let (id, account) = (cx.account(), Account::of_caller(cx)?);
    let tx = &mut cx.tx;
    let policy = PasswordPolicy::of(tx, id)?;
    let max_age_days = policy.and_then(|policy| policy.max_age_days());
    let mut lines = vec![HEADER.to_owned(), line(&of_root(tx, &account, id)?)];
    let mut after: Option<String> = None;
    loop {
        let rows = NAMES.scan(tx, &[id, Kind::User.noun()], after.as_deref(), USERS_AT_ONCE)?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        for (_, key) in &rows {
            let user = entity::referred::<User>(tx, key)?;
            lines.push(line(&of_user(tx, &user, max_age_days)?));
        }
    }
    Ok(lines.join("\n"))
}

impl Handle<ops::GenerateCredentialReport> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, _: &Unit) -> Result<api::GenerateCredentialReportResponse, Fault> {
        Ask::to("iam:GenerateCredentialReport").authorize(cx, "*", None)?;
        let account = cx.account();
        let last = REPORTS.get(&mut cx.tx, &[account])?;
        if last.is_some_and(|last| last.is_good(cx.now())) {
            let state = Some(ReportStateType::Complete);
            return Ok(api::GenerateCredentialReportResponse { state, description: None });
        }
        let report = Report { made: cx.now().0, csv: csv(cx)? };
        REPORTS.put(&mut cx.tx, &[account], &report)?;
        Ok(api::GenerateCredentialReportResponse {
            state: Some(ReportStateType::Started),
            description: Some("No report exists. Starting a new report generation task".to_owned()),
        })
    }
}

impl Handle<ops::GetCredentialReport> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, _: &Unit) -> Result<api::GetCredentialReportResponse, Fault> {
        Ask::to("iam:GetCredentialReport").authorize(cx, "*", None)?;
        let account = cx.account();
        let report = REPORTS.get(&mut cx.tx, &[account])?;
        let report = report.ok_or_else(|| {
            Fault::new("CredentialReportNotPresentException", "No report present. Please generate a report.")
        })?;
        if !report.is_good(cx.now()) {
            let message = "Credential report is expired. Please generate a new report.";
            return Err(Fault::new("CredentialReportExpiredException", message));
        }
        Ok(api::GetCredentialReportResponse {
            content: Some(Blob(report.csv.clone().into_bytes())),
            report_format: Some(ReportFormatType::TextCsv),
            generated_time: Some(entity::seconds(report.made)),
        })
    }
}
