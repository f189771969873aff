use crate::testing::{ACCOUNT, World};
use expect_test::expect;
use serde_json::json;

#[test]
fn settings_are_seen_changed_and_reset() {
    let world = World::new();
    expect![[r#"
        > root GetServiceSetting {"SettingId":"/ssm/parameter-store/default-parameter-tier"}
        {"ServiceSetting":{"ARN":"arn:aws:ssm:us-east-1:111122223333:servicesetting/ssm/parameter-store/default-parameter-tier","SettingId":"/ssm/parameter-store/default-parameter-tier","SettingValue":"Standard","Status":"Default"}}
        > root UpdateServiceSetting {"SettingId":"arn:aws:ssm:us-east-1:111122223333:servicesetting/ssm/parameter-store/default-parameter-tier","SettingValue":"Advanced"}
        {}
        > root GetServiceSetting {"SettingId":"/ssm/parameter-store/default-parameter-tier"}
        {"ServiceSetting":{"ARN":"arn:aws:ssm:us-east-1:111122223333:servicesetting/ssm/parameter-store/default-parameter-tier","LastModifiedDate":1795302463,"LastModifiedUser":"arn:aws:iam::111122223333:root","SettingId":"/ssm/parameter-store/default-parameter-tier","SettingValue":"Advanced","Status":"Customized"}}
        > root PutParameter {"Name":"/a","Value":"v","Type":"String"}
        {"Tier":"Advanced","Version":1}
        > root ResetServiceSetting {"SettingId":"/ssm/parameter-store/default-parameter-tier"}
        {"ServiceSetting":{"ARN":"arn:aws:ssm:us-east-1:111122223333:servicesetting/ssm/parameter-store/default-parameter-tier","SettingId":"/ssm/parameter-store/default-parameter-tier","SettingValue":"Standard","Status":"Default"}}
        > root PutParameter {"Name":"/b","Value":"v","Type":"String"}
        {"Tier":"Standard","Version":1}
        > root PutParameter {"Name":"/a","Value":"w","Overwrite":true}
        {"Tier":"Advanced","Version":2}
        > root PutParameter {"Name":"/a","Value":"w","Overwrite":true,"Tier":"Standard"}
        ValidationException: This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.
        > root UpdateServiceSetting {"SettingId":"/ssm/parameter-store/default-parameter-tier","SettingValue":"advanced"}
        ValidationException: The setting /ssm/parameter-store/default-parameter-tier is one of Standard, Advanced, Intelligent-Tiering.
        > root UpdateServiceSetting {"SettingId":"/ssm/parameter-store/none","SettingValue":"true"}
        ServiceSettingNotFound: The specified service setting wasn't found: /ssm/parameter-store/none. Either the service name or the setting hasn't been provisioned.
        > root GetServiceSetting {"SettingId":"/ssm/opsinsights/opscenter"}
        ServiceSettingNotFound: The specified service setting wasn't found: /ssm/opsinsights/opscenter. Either the service name or the setting hasn't been provisioned.
        > root ResetServiceSetting {"SettingId":"arn:aws:ssm:us-east-1:444455556666:servicesetting/ssm/parameter-store/default-parameter-tier"}
        ServiceSettingNotFound: The specified service setting wasn't found: arn:aws:ssm:us-east-1:444455556666:servicesetting/ssm/parameter-store/default-parameter-tier. Either the service name or the setting hasn't been provisioned.
    "#]].assert_eq(&world.play(
        r#"
        root GetServiceSetting {"SettingId":"/ssm/parameter-store/default-parameter-tier"}
        root UpdateServiceSetting {"SettingId":"arn:aws:ssm:us-east-1:111122223333:servicesetting/ssm/parameter-store/default-parameter-tier","SettingValue":"Advanced"}
        root GetServiceSetting {"SettingId":"/ssm/parameter-store/default-parameter-tier"}
        root PutParameter {"Name":"/a","Value":"v","Type":"String"}
        root ResetServiceSetting {"SettingId":"/ssm/parameter-store/default-parameter-tier"}
        root PutParameter {"Name":"/b","Value":"v","Type":"String"}
        root PutParameter {"Name":"/a","Value":"w","Overwrite":true}
        root PutParameter {"Name":"/a","Value":"w","Overwrite":true,"Tier":"Standard"}
        root UpdateServiceSetting {"SettingId":"/ssm/parameter-store/default-parameter-tier","SettingValue":"advanced"}
        root UpdateServiceSetting {"SettingId":"/ssm/parameter-store/none","SettingValue":"true"}
        root GetServiceSetting {"SettingId":"/ssm/opsinsights/opscenter"}
        root ResetServiceSetting {"SettingId":"arn:aws:ssm:us-east-1:444455556666:servicesetting/ssm/parameter-store/default-parameter-tier"}
        "#,
    ));
}

#[test]
fn a_setting_lifts_the_quotas_of_reading() {
    let world = World::new();
    world.ok("PutParameter", json!({ "Name": "/a", "Value": "v", "Type": "String" }));
    let read = || {
        world.counted();
        world.ok("GetParameter", json!({ "Name": "/a" }));
        world.ok("GetParameters", json!({ "Names": ["/a"] }));
        world.ok("GetParametersByPath", json!({ "Path": "/" }));
        world.counted()
    };
    assert_eq!(read(), ["ssm throughput"; 3]);
    let setting =
        json!({ "SettingId": "/ssm/parameter-store/high-throughput-enabled", "SettingValue": "true" });
    world.ok("UpdateServiceSetting", setting);
    assert_eq!(read(), ["ssm GetParameter", "ssm GetParameters", "ssm GetParametersByPath"]);
}

#[test]
fn so_many_parameters_and_then_the_advanced_tier() {
    let world = World::new();
    // As if there were as many as there may be.
    let tally = platform::Tally::new("ssm/standard-counts");
    world.write(|tx| {
        for number in 0..10_000 {
            assert!(tally.add(tx, &[ACCOUNT, "us-east-1"], 10_000, &number.to_string()).unwrap());
        }
    });
    let put = |tier: &str| {
        world.call(
            "root",
            "PutParameter",
            &json!({ "Name": "/a", "Value": "v", "Type": "String", "Tier": tier }),
        )
    };
    assert_eq!(put("Standard").unwrap_err().code(), "ParameterLimitExceeded");
    assert_eq!(put("Intelligent-Tiering").unwrap()["Tier"], "Advanced");
}
