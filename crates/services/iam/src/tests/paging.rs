use crate::testing::Deployment;

/// Follows a list to its end and gives the names on each page.
fn pages(deployment: &Deployment, line: &str, names: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut marker = String::new();
    loop {
        let answer: serde_json::Value =
            serde_json::from_str(&deployment.ok(&format!("{line}{marker}"))).unwrap();
        let mut page = Vec::new();
        collect(&answer, names, &mut page);
        pages.push(page);
        match answer["marker"].as_str() {
            Some(next) => {
                assert_eq!(answer["isTruncated"], true);
                assert!(next.len() <= 320, "longer than the API lets a marker be");
                marker = format!(" Marker={next}");
            }
            None => {
                assert_eq!(answer["isTruncated"], false);
                return pages;
            }
        }
    }
}

fn collect(value: &serde_json::Value, name: &str, out: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, name, out)),
        serde_json::Value::Object(members) => {
            for (key, value) in members {
                match value.as_str() {
                    Some(text) if key == name => out.push(text.to_owned()),
                    _ => collect(value, name, out),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_list_is_complete_in_pages_of_any_size() {
    let deployment = Deployment::new();
    deployment.ok("root CreateRole RoleName=r AssumeRolePolicyDocument=$EC2");
    let names = ["d", "B", "a", "c", "E"];
    for name in names {
        for line in [
            format!("CreateUser UserName={name}"),
            format!("CreateGroup GroupName={name}"),
            format!("CreatePolicy PolicyName={name} PolicyDocument=$S3"),
            format!("CreateInstanceProfile InstanceProfileName={name}"),
            format!("AddRoleToInstanceProfile InstanceProfileName={name} RoleName=r"),
        ] {
            deployment.ok(&format!("root {line}"));
        }
    }
    for name in names {
        for line in [
            format!("TagUser UserName=a Tags.member.1.Key={name} Tags.member.1.Value=v"),
            format!("PutUserPolicy UserName=a PolicyName={name} PolicyDocument=$S3"),
            format!("AddUserToGroup GroupName={name} UserName=a"),
            format!("AddUserToGroup GroupName=a UserName={name}"),
            format!("AttachUserPolicy UserName=a PolicyArn=$POLICY/{name}"),
            format!("AttachUserPolicy UserName={name} PolicyArn=$POLICY/a"),
            format!("AttachGroupPolicy GroupName={name} PolicyArn=$POLICY/a"),
        ] {
            deployment.ok(&format!("root {line}"));
        }
    }
    for (list, names, total) in [
        ("ListUsers", "userName", 5),
        ("ListGroups", "groupName", 5),
        ("ListGroupsForUser UserName=a", "groupName", 5),
        ("GetGroup GroupName=a", "userName", 5),
        ("ListUserTags UserName=a", "key", 5),
        ("ListPolicies Scope=Local", "policyName", 5),
        ("ListPolicies Scope=AWS", "policyName", 20),
        ("ListPolicies", "policyName", 25),
        ("ListAttachedUserPolicies UserName=a", "policyName", 5),
        ("ListEntitiesForPolicy PolicyArn=$POLICY/a", "userName", 5),
        ("ListEntitiesForPolicy PolicyArn=$POLICY/a", "groupName", 5),
        ("ListInstanceProfiles", "instanceProfileName", 5),
        ("ListInstanceProfilesForRole RoleName=r", "instanceProfileName", 5),
        ("GetAccountAuthorizationDetails", "userId", 5),
        ("GetAccountAuthorizationDetails", "groupId", 5),
        ("GetAccountAuthorizationDetails", "policyId", 5),
    ] {
        let whole = pages(&deployment, &format!("root {list}"), names).concat();
        assert_eq!(whole.len(), total, "{list} {names}");
        for size in [1, 2, 5, 7] {
            let pages = pages(&deployment, &format!("root {list} MaxItems={size}"), names);
            assert!(pages.iter().all(|page| page.len() <= size), "{list}");
            assert_eq!(pages.concat(), whole, "{list} by {size}");
        }
    }
    assert_eq!(pages(&deployment, "root ListUsers", "userName").concat(), ["a", "B", "c", "d", "E"]);
    let names = deployment.ok("root ListUserPolicies UserName=a MaxItems=2");
    assert!(names.starts_with(r#"{"policyNames":["B","E"],"isTruncated":true"#), "{names}");
}

#[test]
fn a_marker_is_of_one_list_and_account() {
    let deployment = Deployment::new();
    for name in ["a", "b"] {
        deployment.ok(&format!("root CreateUser UserName={name}"));
        deployment.ok(&format!("other CreateUser UserName={name}"));
    }
    let page: serde_json::Value = serde_json::from_str(&deployment.ok("root ListUsers MaxItems=1")).unwrap();
    let marker = page["marker"].as_str().unwrap();
    deployment.ok(&format!("root ListUsers Marker={marker}"));
    for line in ["root ListGroups", "other ListUsers", "root ListUsers PathPrefix=/a/"] {
        let error = deployment.fails(&format!("{line} Marker={marker}"));
        assert_eq!(error, "ValidationError: Invalid Marker.", "{line}");
    }
    assert_eq!(deployment.fails("root ListUsers Marker=a"), "ValidationError: Invalid Marker.");
}

#[test]
fn longest_names_fit_a_marker() {
    let deployment = Deployment::new();
    let (a, b) = ("a".repeat(128), "b".repeat(128));
    for name in [&a, &b] {
        deployment.ok(&format!("root CreateGroup GroupName={name}"));
        deployment.ok(&format!("root CreatePolicy PolicyName={name} PolicyDocument=$S3"));
    }
    assert_eq!(
        pages(&deployment, "root ListGroups MaxItems=1", "groupName").concat(),
        [a.clone(), b.clone()]
    );
    let policies = pages(&deployment, "root ListPolicies Scope=Local MaxItems=1", "policyName");
    assert_eq!(policies.concat(), [a, b]);
}
