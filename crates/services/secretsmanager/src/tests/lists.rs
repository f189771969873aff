use crate::testing::Deployment;
use serde_json::Value;

fn names(answer: &Value) -> Vec<&str> {
    answer["SecretList"].as_array().unwrap().iter().map(|secret| secret["Name"].as_str().unwrap()).collect()
}

fn with_three() -> Deployment {
    let deployment = Deployment::new();
    for (name, more) in [
        ("prod/db", r#""Description":"The Database","Tags":[{"Key":"Team","Value":"red"}]"#),
        ("test/db", r#""Description":"another","Tags":[{"Key":"Team","Value":"blue"}]"#),
        ("app", r#""Tags":[{"Key":"owner","Value":"red green"}]"#),
    ] {
        deployment.ok(&format!(
            r#"root CreateSecret {{"Name":"{name}","SecretString":"{name}","ClientRequestToken":"0123456789abcdef0123456789abcdef",{more}}}"#
        ));
        deployment.pass(1000);
    }
    deployment
}

#[test]
fn filters() {
    let deployment = with_three();
    for (filter, expected) in [
        (r#"{"Key":"name","Values":["prod"]}"#, vec!["prod/db"]),
        (r#"{"Key":"name","Values":["PROD"]}"#, vec![]),
        (r#"{"Key":"name","Values":["prod","test"]}"#, vec!["prod/db", "test/db"]),
        (r#"{"Key":"name","Values":["!prod"]}"#, vec!["test/db", "app"]),
        (r#"{"Key":"description","Values":["the d"]}"#, vec!["prod/db"]),
        (r#"{"Key":"tag-key","Values":["Te"]}"#, vec!["prod/db", "test/db"]),
        (r#"{"Key":"tag-key","Values":["te"]}"#, vec![]),
        (r#"{"Key":"tag-value","Values":["red"]}"#, vec!["prod/db", "app"]),
        (r#"{"Key":"tag-key","Values":["Team"]},{"Key":"tag-value","Values":["red"]}"#, vec!["prod/db"]),
        (r#"{"Key":"primary-region","Values":["eu"]}"#, vec!["prod/db", "test/db", "app"]),
        (r#"{"Key":"owning-service","Values":["rds"]}"#, vec![]),
        (r#"{"Key":"all","Values":["GREEN red"]}"#, vec!["app"]),
        (r#"{"Key":"all","Values":["db"]}"#, vec!["prod/db", "test/db"]),
    ] {
        let answer = deployment.ok(&format!(r#"root ListSecrets {{"Filters":[{filter}]}}"#));
        assert_eq!(names(&answer), expected, "{filter}");
    }
    for filter in [r#"{"Values":["a"]}"#, r#"{"Key":"name"}"#] {
        let refused = deployment.fails(&format!(r#"root ListSecrets {{"Filters":[{filter}]}}"#));
        assert!(refused.starts_with("InvalidParameterException: "), "{refused}");
    }
}

#[test]
fn orders_and_pages() {
    let deployment = with_three();
    for (order, expected) in [
        ("", ["prod/db", "test/db", "app"]),
        (r#","SortOrder":"asc""#, ["prod/db", "test/db", "app"]),
        (r#","SortOrder":"desc""#, ["app", "test/db", "prod/db"]),
        (r#","SortBy":"name""#, ["app", "prod/db", "test/db"]),
        (r#","SortBy":"name","SortOrder":"desc""#, ["test/db", "prod/db", "app"]),
        (r#","SortBy":"last-changed-date","SortOrder":"desc""#, ["app", "test/db", "prod/db"]),
        (r#","SortBy":"last-accessed-date""#, ["app", "prod/db", "test/db"]),
    ] {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let answer = deployment.ok(&format!(r#"root ListSecrets {{"MaxResults":1{order}{token}}}"#));
            found.extend(names(&answer).iter().map(|name| (*name).to_owned()));
            let Some(next) = answer["NextToken"].as_str() else { break };
            token = format!(r#","NextToken":"{next}""#);
        }
        assert_eq!(found, expected, "{order}");
    }
    assert!(
        deployment.fails(r#"root ListSecrets {"NextToken":"x"}"#).starts_with("InvalidNextTokenException")
    );
}

#[test]
fn planned_deletions() {
    let deployment = with_three();
    deployment.ok(r#"root DeleteSecret {"SecretId":"app"}"#);
    assert_eq!(names(&deployment.ok("root ListSecrets {}")), ["prod/db", "test/db"]);
    let all = deployment.ok(r#"root ListSecrets {"IncludePlannedDeletion":true}"#);
    assert_eq!(names(&all), ["prod/db", "test/db", "app"]);
}

#[test]
fn many_at_once() {
    let deployment = with_three();
    deployment.user(
        "bob",
        r#"{"Effect":"Allow","Action":["secretsmanager:BatchGetSecretValue","secretsmanager:ListSecrets"],"Resource":"*"},
           {"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:prod/*"}"#,
    );
    let before = deployment.records().len();
    let answer =
        deployment.ok(r#"bob BatchGetSecretValue {"SecretIdList":["prod/db","test/db","none","prod/none"]}"#);
    let values: Vec<_> = answer["SecretValues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["SecretString"].as_str().unwrap())
        .collect();
    assert_eq!(values, ["prod/db"]);
    let errors: Vec<_> = answer["Errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["SecretId"].as_str().unwrap(), one["ErrorCode"].as_str().unwrap()))
        .collect();
    let denied = "AccessDeniedException";
    assert_eq!(errors, [("test/db", denied), ("none", denied), ("prod/none", "ResourceNotFoundException")]);
    let records = deployment.records();
    let got = records[before..].iter().filter(|record| record["eventName"] == "GetSecretValue");
    let got: Vec<_> = got.map(|record| record["sourceIPAddress"].as_str().unwrap()).collect();
    // It is the caller's own call, from the caller's address; records of failures are the pipeline's to write.
    assert_eq!(got, ["192.0.2.1"]);
    let by_filter = deployment
        .ok(r#"root BatchGetSecretValue {"Filters":[{"Key":"name","Values":["t","p"]}],"MaxResults":1}"#);
    assert_eq!(by_filter["SecretValues"][0]["Name"], "prod/db");
    assert!(by_filter["NextToken"].is_string());
    for both in [
        "{}",
        r#"{"SecretIdList":["a"],"Filters":[{"Key":"name","Values":["t"]}]}"#,
        r#"{"SecretIdList":["a"],"MaxResults":1}"#,
    ] {
        let refused = deployment.fails(&format!("root BatchGetSecretValue {both}"));
        assert!(refused.starts_with("InvalidParameterException"), "{refused}");
    }
}

#[test]
fn passwords() {
    let deployment = Deployment::new();
    let password = |options: &str| {
        let answer = deployment.ok(&format!("root GetRandomPassword {options}"));
        answer["RandomPassword"].as_str().unwrap().to_owned()
    };
    assert_eq!(password("{}").len(), 32);
    let digits = password(
        r#"{"PasswordLength":4096,"ExcludeLowercase":true,"ExcludeUppercase":true,"ExcludePunctuation":true,"ExcludeCharacters":"0123456"}"#,
    );
    assert!(digits.len() == 4096 && digits.bytes().all(|byte| b"789".contains(&byte)));
    assert!(password(r#"{"PasswordLength":4096,"IncludeSpace":true}"#).contains(' '));
    assert_eq!(password(r#"{"PasswordLength":1,"RequireEachIncludedType":false}"#).len(), 1);
    for options in [
        r#"{"PasswordLength":3}"#,
        r#"{"ExcludeCharacters":"0123456789"}"#,
        r#"{"ExcludeLowercase":true,"ExcludeUppercase":true,"ExcludePunctuation":true,"ExcludeNumbers":true}"#,
    ] {
        let refused = deployment.fails(&format!("root GetRandomPassword {options}"));
        assert!(refused.starts_with("InvalidParameterException"), "{refused}");
    }
}
