//! SSH keys, signing certificates and service-specific credentials of users.

use crate::testing::{ACCOUNT, Deployment};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

const SSH: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDEcyAo+OVs5wIQmHLxkXOLMDlHZ5AivUBpPjLym+kZcqnzgAkW93MzIHINyVD4v5mLHa4OOadH306dhVzgTGUjOQlYnTHPzrQXVKKrSpCHtds6W9qtgpmNcnotcJwy1T5AabNvKSNPBTLz68YxDNB+0Z0yW5lkyLDnOFFsgRnrtY3rr5PfBOIxFQV73h1ItALFFkPZhw2RmfhAHzuaXP0qmq8oLbIiNoOBzMMaXBSaRAcDrSqgapwL6KT6FeSjzrc2vxXVolw/WCQQFXne4bWPUWBotd1ou6E9tatMmU1HnjLHlDo9ke3W6ws/eVK7IYp0p7dPNo4WIu4saqf4jUzl bob@laptop";
const SSH_FINGERPRINT: &str = "13:62:c5:e0:b3:f7:cf:18:cb:4a:ec:bb:ee:21:72:82";
const SSH_SHORT: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDEw4Shu3Se8L+JA0l5cCFsqhb9GjnKAhjDvohgXM2sNfAq/nzj1bw0gXK3JOv+bJYQhWgP9yKDL9BURn4JZ/y1qFPwvS87OoZFWix5ozYsirjSwsJtHxR3ome7R1GLs/HnT99wSOwVmyHx1rxGmtR6XuVgmao9/XxQ779WQ5IiPQ== x";
const SSH_ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEiUfgByW5uSth8/ekZWJ+TpI6fCS5pUZLveSazxjHYM x";
const PEM: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxHMgKPjlbOcCEJhy8ZFz
izA5R2eQIr1AaT4y8pvpGXKp84AJFvdzMyByDclQ+L+Zix2uDjmnR99OnYVc4Exl
IzkJWJ0xz860F1Siq0qQh7XbOlvarYKZjXJ6LXCcMtU+QGmzbykjTwUy8+vGMQzQ
ftGdMluZZMiw5zhRbIEZ67WN66+T3wTiMRUFe94dSLQCxRZD2YcNkZn4QB87mlz9
KpqvKC2yIjaDgczDGlwUmkQHA60qoGqcC+ik+hXko863Nr8V1aJcP1gkEBV53uG1
j1FgaLXdaLuhPbWrTJlNR54yx5Q6PZHt1usLP3lSuyGKdKe3TzaOFiLuLGqn+I1M
5QIDAQAB
-----END PUBLIC KEY-----
";

fn value(answer: &str) -> serde_json::Value {
    serde_json::from_str(answer).unwrap()
}

fn upload(deployment: &Deployment, user: &str, body: &str) -> Result<String, String> {
    deployment.with("root", "UploadSSHPublicKey", &[("UserName", user), ("SSHPublicKeyBody", body)])
}

#[test]
fn an_ssh_key_is_told_in_both_forms() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateUser UserName=eve");
    let key = value(&upload(&deployment, "bob", SSH).unwrap())["sSHPublicKey"].clone();
    let id = key["sSHPublicKeyId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("APKA") && id.len() == 21);
    assert_eq!(
        (key["status"].as_str(), key["fingerprint"].as_str()),
        (Some("Active"), Some(SSH_FINGERPRINT))
    );
    // Without the comment, that is.
    let line = SSH.rsplit_once(' ').unwrap().0;
    for (encoding, body) in [("SSH", line), ("PEM", PEM)] {
        let line = format!("root GetSSHPublicKey UserName=bob SSHPublicKeyId={id} Encoding={encoding}");
        let got = value(&deployment.ok(&line))["sSHPublicKey"].clone();
        assert_eq!((&got["sSHPublicKeyBody"], &got["fingerprint"]), (&body.into(), &SSH_FINGERPRINT.into()));
    }
    let of_eve = format!("root GetSSHPublicKey UserName=eve SSHPublicKeyId={id} Encoding=SSH");
    assert!(deployment.fails(&of_eve).starts_with("NoSuchEntityException: "));
    for (body, code) in [
        (SSH, "DuplicateSSHPublicKeyException"),
        (PEM, "DuplicateSSHPublicKeyException"),
        (SSH_SHORT, "InvalidPublicKeyException"),
        (SSH_ED25519, "UnrecognizedPublicKeyEncodingException"),
        ("a", "UnrecognizedPublicKeyEncodingException"),
        ("ssh-rsa", "InvalidPublicKeyException"),
        ("ssh-rsa ####", "InvalidPublicKeyException"),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB/////w==", "InvalidPublicKeyException"),
        ("-----BEGIN PUBLIC KEY-----", "InvalidPublicKeyException"),
        (&format!("{PEM}{PEM}"), "InvalidPublicKeyException"),
    ] {
        let error = upload(&deployment, "bob", body).unwrap_err();
        assert!(error.starts_with(code), "{body}: {error}");
    }
    deployment.ok(&format!("root UpdateSSHPublicKey UserName=bob SSHPublicKeyId={id} Status=Inactive"));
    let expired = format!("root UpdateSSHPublicKey UserName=bob SSHPublicKeyId={id} Status=Expired");
    assert!(deployment.fails(&expired).starts_with("InvalidInputException: "));
    assert!(deployment.ok("root ListSSHPublicKeys UserName=bob").contains(r#""status":"Inactive""#));
    upload(&deployment, "eve", PEM).unwrap();
    let conflict = "DeleteConflictException: Cannot delete entity, must remove referenced objects first.";
    assert_eq!(deployment.fails("root DeleteUser UserName=bob"), conflict);
    deployment.ok(&format!("root DeleteSSHPublicKey UserName=bob SSHPublicKeyId={id}"));
    deployment.ok("root DeleteUser UserName=bob");
}

/// A certificate in PEM.
fn certificate(from: i32, to: i32) -> String {
    let mut params = CertificateParams::new(vec!["bob.example".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, made.der());
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn upload_certificate(deployment: &Deployment, who: &str, body: &str) -> Result<String, String> {
    let mut pairs = vec![("CertificateBody", body)];
    pairs.extend((who != "root").then_some(("UserName", who)));
    deployment.with("root", "UploadSigningCertificate", &pairs)
}

#[test]
fn a_signing_certificate_is_checked() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    let (first, second) = (certificate(2026, 2030), certificate(2026, 2031));
    let made = value(&upload_certificate(&deployment, "bob", &first).unwrap())["certificate"].clone();
    let id = made["certificateId"].as_str().unwrap().to_owned();
    assert_eq!(
        (id.len(), made["certificateBody"].as_str(), made["status"].as_str()),
        (32, Some(&*first), Some("Active"))
    );
    let twisted = {
        // The last bytes are those of the signature.
        let end = second.find("-----END").unwrap() - 8;
        let (before, rest) = second.split_at(end);
        let (old, after) = rest.split_at(1);
        format!("{before}{}{after}", if old == "A" { "B" } else { "A" })
    };
    for (body, code) in [
        (first.clone(), "DuplicateCertificateException"),
        (certificate(2020, 2025), "MalformedCertificateException"),
        (certificate(2027, 2030), "InvalidCertificateException"),
        (twisted, "InvalidCertificateException"),
        ("a".to_owned(), "MalformedCertificateException"),
        (PEM.to_owned(), "MalformedCertificateException"),
        (format!("{second}{second}"), "MalformedCertificateException"),
    ] {
        for who in ["bob", "root"] {
            let error = upload_certificate(&deployment, who, &body).unwrap_err();
            assert!(error.starts_with(code), "{body}: {error}");
        }
    }
    upload_certificate(&deployment, "bob", &second).unwrap();
    let error = upload_certificate(&deployment, "bob", &certificate(2026, 2032)).unwrap_err();
    assert_eq!(error, "LimitExceededException: Cannot exceed quota for SigningCertificatesPerUser: 2");
    deployment.ok(&format!("root UpdateSigningCertificate UserName=bob CertificateId={id} Status=Inactive"));
    let listed = value(&deployment.ok("root ListSigningCertificates UserName=bob"))["certificates"].clone();
    let states: Vec<_> =
        listed.as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(states.len(), 2);
    assert!(states.contains(&"Inactive") && states.contains(&"Active"));
    let conflict = "DeleteConflictException: Cannot delete entity, must delete certificates first.";
    assert_eq!(deployment.fails("root DeleteUser UserName=bob"), conflict);
    deployment.ok(&format!("root DeleteSigningCertificate UserName=bob CertificateId={id}"));
    // Its digest went with it.
    upload_certificate(&deployment, "root", &first).unwrap();
    let summary = value(&deployment.ok("root GetAccountSummary"));
    assert_eq!(summary["summaryMap"]["AccountSigningCertificatesPresent"], 1);
    assert!(deployment.ok("root ListSigningCertificates").contains(r#""userName":"""#));
}

#[test]
fn service_specific_credentials() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    let create = |service: &str, more: &str| {
        let line = format!(
            "root CreateServiceSpecificCredential UserName=bob ServiceName={service}.amazonaws.com {more}"
        );
        deployment.call(&line).map_err(|fault| format!("{}: {}", fault.code(), fault.message()))
    };
    let made = create("codecommit", "").unwrap();
    let first = value(&made)["serviceSpecificCredential"].clone();
    assert_eq!(first["serviceUserName"], format!("bob-at-{ACCOUNT}"));
    assert!(first.get("servicePassword").is_none(), "records do not have it");
    assert!(create("codecommit", "").unwrap().contains("bob+1-at-"));
    let error = create("codecommit", "").unwrap_err();
    assert!(error.starts_with("LimitExceededException: Cannot exceed quota for "), "{error}");
    assert!(create("ec2", "").unwrap_err().starts_with("ServiceNotSupportedException: No such service ec2"));
    assert!(create("cassandra", "CredentialAgeDays=3").unwrap_err().starts_with("ValidationError: "));
    let key = create("bedrock", "CredentialAgeDays=1").unwrap();
    assert!(
        key.contains("serviceCredentialAlias")
            && !key.contains("servicePassword")
            && key.contains("expirationDate")
    );
    let id = first["serviceSpecificCredentialId"].as_str().unwrap();
    deployment.ok(&format!(
        "root UpdateServiceSpecificCredential UserName=bob ServiceSpecificCredentialId={id} Status=Inactive"
    ));
    deployment
        .ok(&format!("root ResetServiceSpecificCredential UserName=bob ServiceSpecificCredentialId={id}"));
    deployment.pass(24 * 60 * 60 * 1000);
    let list = |more: &str| {
        let listed = deployment.ok(&format!("root ListServiceSpecificCredentials {more}"));
        assert!(!listed.contains("assword") && !listed.contains("ecret\""), "{listed}");
        let listed = value(&listed)["serviceSpecificCredentials"].clone();
        listed
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["status"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(list("UserName=bob").len(), 3);
    assert_eq!(list("UserName=bob ServiceName=bedrock.amazonaws.com"), ["Expired"]);
    let mut of_all = list("AllUsers=true ServiceName=codecommit.amazonaws.com");
    of_all.sort();
    assert_eq!(of_all, ["Active", "Inactive"]);
    assert!(
        deployment.fails("root ListServiceSpecificCredentials AllUsers=true").starts_with("ValidationError")
    );
    assert!(
        deployment.fails("root DeleteUser UserName=bob").ends_with("must remove referenced objects first.")
    );
    deployment
        .ok(&format!("root DeleteServiceSpecificCredential UserName=bob ServiceSpecificCredentialId={id}"));
    let again = deployment.fails(&format!(
        "root DeleteServiceSpecificCredential UserName=bob ServiceSpecificCredentialId={id}"
    ));
    assert!(again.starts_with("NoSuchEntityException: "));
}

#[test]
fn the_credential_report_has_a_line_for_each_user() {
    let deployment = Deployment::new();
    assert!(
        deployment.fails("root GetCredentialReport").starts_with("CredentialReportNotPresentException: ")
    );
    deployment.ok("root CreateUser UserName=a,b");
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateLoginProfile UserName=bob Password=Correct-horse-1");
    deployment.ok("root UpdateAccountPasswordPolicy MaxPasswordAge=1");
    deployment.ok("root CreateAccessKey UserName=bob");
    upload_certificate(&deployment, "bob", &certificate(2026, 2030)).unwrap();
    assert!(deployment.ok("root GenerateCredentialReport").contains(r#""state":"STARTED""#));
    assert!(deployment.ok("root GenerateCredentialReport").contains(r#""state":"COMPLETE""#));
    deployment.ok("root GetCredentialReport");
    let (call, root) = (deployment.clock(), deployment.caller("root"));
    let mut cx = platform::Cx::new(deployment.tx(), &deployment.env, &call, &root);
    let report = crate::credential_report::csv(&mut cx).unwrap();
    let lines: Vec<_> = report.lines().collect();
    assert!(
        lines[0].starts_with("user,arn,user_creation_time,password_enabled,")
            && lines[0].ends_with("cert_2_last_rotated")
    );
    let made = "2026-11-21T23:07:43+00:00";
    let no_key = "false,N/A,N/A,N/A,N/A";
    let no_certificates = "false,N/A,false,N/A";
    assert_eq!(
        lines[1..],
        [
            format!(
                "<root_account>,arn:aws:iam::{ACCOUNT}:root,{made},not_supported,no_information,not_supported,not_supported,false,true,{made},N/A,N/A,N/A,{no_key},{no_certificates}"
            ),
            format!(
                "\"a,b\",\"arn:aws:iam::{ACCOUNT}:user/a,b\",{made},false,N/A,N/A,N/A,false,{no_key},{no_key},{no_certificates}"
            ),
            format!(
                "bob,arn:aws:iam::{ACCOUNT}:user/bob,{made},true,no_information,{made},2026-11-22T23:07:43+00:00,false,true,{made},N/A,N/A,N/A,{no_key},true,{made},false,N/A"
            ),
        ]
    );
    assert!(lines.iter().all(|line| line.matches(',').count() >= 21));
    deployment.pass(4 * 60 * 60 * 1000);
    assert!(deployment.fails("root GetCredentialReport").starts_with("CredentialReportExpiredException: "));
    assert!(deployment.ok("root GenerateCredentialReport").contains("STARTED"));
}
