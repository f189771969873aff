//! Virtual MFA devices.

use crate::mfa_devices;
use crate::testing::{ACCOUNT, Deployment};
use platform::{Cx, Mfa};
use primitives::OneTimeCodes;

const INVALID: &str = "InvalidAuthenticationCodeException: Authentication code for device is not valid.";

fn serial(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:mfa/{name}")
}

/// The code that a device shows so many steps from now.
fn code(deployment: &Deployment, name: &str, steps: i64) -> String {
    let device = mfa_devices::find(&mut deployment.tx(), ACCOUNT, &serial(name)).unwrap().unwrap();
    let step = deployment.clock().now.0.div_euclid(OneTimeCodes::STEP_MS) + steps;
    format!("{:06}", device.codes(&deployment.env.keyring).unwrap().code(step).unwrap())
}

fn two(deployment: &Deployment, operation: &str, user: &str, name: &str, steps: i64) -> String {
    let (first, second) = (code(deployment, name, steps), code(deployment, name, steps + 1));
    let serial = serial(name);
    format!(
        "root {operation} UserName={user} SerialNumber={serial} AuthenticationCode1={first} AuthenticationCode2={second}"
    )
}

/// Verdict of a device on a code for a user, as STS asks it.
fn vouch(deployment: &Deployment, who: &str, name: &str, code: &str) -> Mfa {
    let (call, caller) = (deployment.clock(), deployment.caller(who));
    let mut cx = Cx::new(deployment.tx(), &deployment.env, &call, &caller);
    let said = deployment.env.directory.mfa(&mut cx, &serial(name), code).unwrap();
    if said == Mfa::Vouched {
        deployment.store.commit_blocking(cx.finish().3.into_txn()).unwrap();
    }
    said
}

#[test]
fn a_device_from_its_creation_to_its_end() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateUser UserName=eve");
    let made = deployment.ok("root CreateVirtualMFADevice VirtualMFADeviceName=phone Path=/a/ Tags.member.1.Key=k Tags.member.1.Value=v");
    assert!(!made.contains("Seed") && !made.contains("PNG"), "records do not have it: {made}");
    assert_eq!(
        deployment.fails("root CreateVirtualMFADevice VirtualMFADeviceName=Phone Path=/a/"),
        "EntityAlreadyExistsException: MFADevice entity at the same path and name already exists."
    );
    deployment.ok("root CreateVirtualMFADevice VirtualMFADeviceName=phone");
    let long = "a".repeat(230);
    assert!(
        deployment
            .fails(&format!("root CreateVirtualMFADevice VirtualMFADeviceName={long}"))
            .starts_with("InvalidInput")
    );
    let (phone, missing) = (serial("a/phone"), serial("b"));
    let enable = |user: &str, steps| two(&deployment, "EnableMFADevice", user, "a/phone", steps);
    let swapped = {
        let (first, second) = (code(&deployment, "a/phone", 0), code(&deployment, "a/phone", 1));
        format!(
            "root EnableMFADevice UserName=bob SerialNumber={phone} AuthenticationCode1={second} AuthenticationCode2={first}"
        )
    };
    for bad in
        [swapped, enable("bob", 1441), enable("bob", -1442), enable("bob", 0).replace("a/phone", "phone")]
    {
        assert_eq!(deployment.fails(&bad), INVALID);
    }
    assert!(
        deployment.fails(&enable("bob", 0).replace("mfa/a/phone", "mfa/A/phone")).starts_with("NoSuchEntity")
    );
    deployment.ok(&enable("bob", -1));
    assert!(deployment.fails(&enable("eve", -1)).starts_with("EntityAlreadyExistsException: "));
    let listed = deployment.ok("root ListMFADevices UserName=bob");
    assert!(listed.contains(&phone) && listed.contains("enableDate"), "{listed}");
    let of = |status: &str| {
        let listed = deployment.ok(&format!("root ListVirtualMFADevices AssignmentStatus={status}"));
        assert!(!listed.contains("Seed") && !listed.contains("PNG"));
        listed.matches("serialNumber").count()
    };
    assert_eq!((of("Assigned"), of("Unassigned"), of("Any")), (1, 1, 2));
    let summary: serde_json::Value = serde_json::from_str(&deployment.ok("root GetAccountSummary")).unwrap();
    assert_eq!(
        (&summary["summaryMap"]["MFADevices"], &summary["summaryMap"]["MFADevicesInUse"]),
        (&2.into(), &1.into())
    );
    assert!(
        deployment.ok(&format!("root GetMFADevice SerialNumber={phone}")).contains(r#""userName":"bob""#)
    );
    assert!(
        deployment
            .fails(&format!("root GetMFADevice SerialNumber={phone} UserName=eve"))
            .starts_with("NoSuchEntity")
    );
    assert!(
        deployment.fails(&format!("root GetMFADevice SerialNumber={missing}")).starts_with("NoSuchEntity")
    );
    assert_eq!(
        deployment.fails(&format!("root DeleteVirtualMFADevice SerialNumber={phone}")),
        "DeleteConflictException: MFA VirtualDevice in use. Must deactivate first."
    );
    assert_eq!(
        deployment.fails("root DeleteUser UserName=bob"),
        "DeleteConflictException: Cannot delete entity, must delete MFA device first."
    );
    assert_eq!(
        deployment.fails(&format!("root DeactivateMFADevice UserName=eve SerialNumber={phone}")),
        "NoSuchEntityException: MFA Device invalid for user."
    );
    deployment
        .ok(&format!("root TagMFADevice SerialNumber={phone} Tags.member.1.Key=K Tags.member.1.Value=w"));
    assert_eq!(
        deployment.ok(&format!("root ListMFADeviceTags SerialNumber={phone}")),
        r#"{"tags":[{"key":"K","value":"w"}],"isTruncated":false}"#
    );
    deployment.ok(&format!("root UntagMFADevice SerialNumber={phone} TagKeys.member.1=k"));
    deployment.ok(&format!("root DeactivateMFADevice UserName=bob SerialNumber={phone}"));
    deployment.ok(&format!("root DeleteVirtualMFADevice SerialNumber={phone}"));
    assert_eq!(
        deployment.fails(&format!("root DeleteVirtualMFADevice SerialNumber={phone}")),
        format!("NoSuchEntityException: VirtualMFADevice with serial number {phone} doesn't exist.")
    );
    deployment.ok("root DeleteUser UserName=bob");
    assert_eq!(of("Any"), 1);
}

#[test]
fn a_code_vouches_once_and_in_its_time_and_for_its_user() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateUser UserName=eve");
    deployment.ok("root CreateVirtualMFADevice VirtualMFADeviceName=phone");
    assert_eq!(vouch(&deployment, "user/bob", "phone", &code(&deployment, "phone", 0)), Mfa::NoDevice);
    deployment.ok(&two(&deployment, "EnableMFADevice", "bob", "phone", -1));
    let shown = |steps| code(&deployment, "phone", steps);
    let bob = |code: &str| vouch(&deployment, "user/bob", "phone", code);
    assert_eq!(bob(&shown(0)), Mfa::WrongCode, "it has enabled the device");
    assert_eq!(bob(&shown(2)), Mfa::WrongCode, "too early");
    assert_eq!(vouch(&deployment, "user/eve", "phone", &shown(1)), Mfa::NoDevice);
    assert_eq!(vouch(&deployment, "root", "phone", &shown(1)), Mfa::NoDevice);
    assert_eq!(bob(&shown(1)), Mfa::Vouched);
    assert_eq!(bob(&shown(1)), Mfa::WrongCode, "used");
    // The device is ahead by a step, which is known by now.
    deployment.pass(OneTimeCodes::STEP_MS);
    assert_eq!(bob(&shown(2)), Mfa::Vouched);
    // Hours later it is three steps behind: a code does not do, two do, but not those that were used.
    deployment.pass(60 * 60 * 1000);
    assert_eq!(bob(&shown(-3)), Mfa::WrongCode);
    assert_eq!(deployment.fails(&two(&deployment, "ResyncMFADevice", "bob", "phone", -120)), INVALID);
    deployment.ok(&two(&deployment, "ResyncMFADevice", "bob", "phone", -4));
    assert_eq!(bob(&shown(-2)), Mfa::Vouched);
    for wrong in ["", "abcdef", "0000000", "+12345"] {
        assert_eq!(bob(wrong), Mfa::WrongCode);
    }
}

#[test]
fn guesses_have_to_wait() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateVirtualMFADevice VirtualMFADeviceName=phone");
    deployment.ok(&two(&deployment, "EnableMFADevice", "bob", "phone", -2));
    let right = code(&deployment, "phone", 0);
    for _ in 0..5 {
        assert_eq!(vouch(&deployment, "user/bob", "phone", "x"), Mfa::WrongCode);
    }
    assert_eq!(vouch(&deployment, "user/bob", "phone", &right), Mfa::WrongCode, "right, and too soon");
    deployment.pass(1000);
    assert_eq!(vouch(&deployment, "user/bob", "phone", &right), Mfa::Vouched);
}

#[test]
fn of_two_at_once_one_uses_a_code() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateVirtualMFADevice VirtualMFADeviceName=phone");
    deployment.ok(&two(&deployment, "EnableMFADevice", "bob", "phone", -2));
    let (right, call, caller) =
        (code(&deployment, "phone", 0), deployment.clock(), deployment.caller("user/bob"));
    let run = || {
        let mut cx = Cx::new(deployment.tx(), &deployment.env, &call, &caller);
        assert_eq!(deployment.env.directory.mfa(&mut cx, &serial("phone"), &right).unwrap(), Mfa::Vouched);
        cx.finish().3.into_txn()
    };
    let (first, second) = (run(), run());
    deployment.store.commit_blocking(first).unwrap();
    assert!(matches!(deployment.store.commit_blocking(second), Err(store::CommitError::Conflict)));
}
