use crate::testing::World;
use serde_json::{Value, json};

fn put(world: &World, names: &[&str]) {
    for name in names {
        world.ok("PutParameter", json!({ "Name": name, "Value": name, "Type": "String" }));
    }
}

/// The names on all pages of a list, and how many pages there are.
fn all(world: &World, operation: &str, mut input: Value) -> (Vec<String>, usize) {
    let (mut names, mut pages) = (Vec::new(), 0);
    loop {
        let page = world.ok(operation, input.clone());
        let found = page["Parameters"].as_array().unwrap();
        names.extend(found.iter().map(|one| one["Name"].as_str().unwrap().to_owned()));
        pages += 1;
        match page.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => return (names, pages),
        }
    }
}

const NAMES: [&str; 9] =
    ["solo", "/a/one", "/a/two", "/a/b/three", "/a/b/c/four", "/a/b-c/five", "/ab/six", "/A/seven", "/a.b"];

fn by_path(world: &World, path: &str, recursive: bool) -> Vec<String> {
    let (mut names, _) =
        all(world, "GetParametersByPath", json!({ "Path": path, "Recursive": recursive, "MaxResults": 2 }));
    names.sort();
    names
}

#[test]
fn paths_have_what_is_below_them() {
    let world = World::new();
    put(&world, &NAMES);
    assert_eq!(by_path(&world, "/a", false), ["/a/one", "/a/two"]);
    assert_eq!(by_path(&world, "/a/", false), ["/a/one", "/a/two"]);
    assert_eq!(by_path(&world, "/a", true), ["/a/b-c/five", "/a/b/c/four", "/a/b/three", "/a/one", "/a/two"]);
    assert_eq!(by_path(&world, "/a/b", true), ["/a/b/c/four", "/a/b/three"]);
    assert_eq!(by_path(&world, "/a/one", true), Vec::<String>::new());
    assert_eq!(by_path(&world, "/", false), ["/a.b", "solo"]);
    assert_eq!(by_path(&world, "/", true).len(), NAMES.len());
}

#[test]
fn descriptions_pass_filters() {
    let world = World::new();
    put(&world, &NAMES);
    world.ok("PutParameter", json!({ "Name": "/list", "Value": "1,2", "Type": "StringList", "DataType": "integer", "Tier": "Advanced" }));
    world.ok("PutParameter", json!({ "Name": "/secret", "Value": "x", "Type": "SecureString" }));
    world.ok("AddTagsToResource", json!({ "ResourceType": "Parameter", "ResourceId": "solo", "Tags": [{ "Key": "env", "Value": "prod" }] }));
    let found = |filter: Value| {
        let (mut names, _) =
            all(&world, "DescribeParameters", json!({ "ParameterFilters": [filter], "MaxResults": 2 }));
        names.sort();
        names.join(" ")
    };
    let cases = [
        (json!({ "Key": "Name", "Values": ["/solo", "/a/one", "/none"] }), "/a/one solo"),
        (
            json!({ "Key": "Name", "Option": "BeginsWith", "Values": ["/a/b", "so"] }),
            "/a/b-c/five /a/b/c/four /a/b/three solo",
        ),
        (
            json!({ "Key": "Name", "Option": "BeginsWith", "Values": ["/a/", "/a/o"] }),
            "/a/b-c/five /a/b/c/four /a/b/three /a/one /a/two",
        ),
        (json!({ "Key": "Name", "Option": "Contains", "Values": ["o"] }), "/a/b/c/four /a/one /a/two solo"),
        (json!({ "Key": "Path", "Values": ["/a"] }), "/a/one /a/two"),
        (
            json!({ "Key": "Path", "Option": "Recursive", "Values": ["/a/b", "/ab/"] }),
            "/a/b/c/four /a/b/three /ab/six",
        ),
        (json!({ "Key": "Type", "Values": ["SecureString", "StringList"] }), "/list /secret"),
        (
            json!({ "Key": "Type", "Option": "BeginsWith", "Values": ["Str"] }),
            "/A/seven /a.b /a/b-c/five /a/b/c/four /a/b/three /a/one /a/two /ab/six /list solo",
        ),
        (json!({ "Key": "KeyId", "Option": "BeginsWith", "Values": ["alias/aws"] }), "/secret"),
        (json!({ "Key": "Tier", "Values": ["Advanced"] }), "/list"),
        (json!({ "Key": "DataType", "Values": ["integer"] }), "/list"),
        (json!({ "Key": "tag:env" }), "solo"),
        (json!({ "Key": "tag:env", "Values": ["prod", "dev"] }), "solo"),
        (json!({ "Key": "tag:env", "Values": ["dev"] }), ""),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(filter.clone()), expected, "{filter}");
    }
    let both = json!({ "ParameterFilters": [
        { "Key": "Path", "Option": "Recursive", "Values": ["/a"] }, { "Key": "Name", "Option": "Contains", "Values": ["o"] },
    ] });
    assert_eq!(all(&world, "DescribeParameters", both).0.len(), 3);
    let (older, _) =
        all(&world, "DescribeParameters", json!({ "Filters": [{ "Key": "Name", "Values": ["/a/b"] }] }));
    assert_eq!(older.len(), 3);
    assert!(all(&world, "DescribeParameters", json!({ "Shared": true })).0.is_empty());
}

#[test]
fn a_path_is_filtered_by_labels() {
    let world = World::new();
    put(&world, &["/a/one", "/a/two"]);
    world.ok("LabelParameterVersion", json!({ "Name": "/a/one", "Labels": ["stable"] }));
    world.ok("PutParameter", json!({ "Name": "/a/one", "Value": "newer", "Overwrite": true }));
    let input = json!({ "Path": "/a", "ParameterFilters": [{ "Key": "Label", "Values": ["stable"] }] });
    let found = world.ok("GetParametersByPath", input);
    let found = found["Parameters"].as_array().unwrap();
    assert_eq!((found.len(), &found[0]["Value"], &found[0]["Version"]), (1, &json!("/a/one"), &json!(1)));
}

#[test]
fn a_page_looks_at_so_many_rows_whatever_there_is() {
    let world = World::new();
    let names: Vec<_> = (0..600).map(|number| format!("/many/{number:04}")).collect();
    put(&world, &names.iter().map(String::as_str).collect::<Vec<_>>());
    world.ok("PutParameter", json!({ "Name": "/many/zzzz", "Value": "x", "Type": "StringList" }));
    let filter = json!([{ "Key": "Type", "Values": ["StringList"] }]);
    let first = world.ok("GetParametersByPath", json!({ "Path": "/many", "ParameterFilters": filter }));
    assert_eq!(first["Parameters"], json!([]), "it ends early");
    assert!(first.get("NextToken").is_some(), "and says where to go on");
    for (operation, input) in [
        ("GetParametersByPath", json!({ "Path": "/many", "ParameterFilters": filter })),
        ("DescribeParameters", json!({ "ParameterFilters": filter })),
    ] {
        assert_eq!(all(&world, operation, input), (vec!["/many/zzzz".to_owned()], 3), "{operation}");
    }
    let (found, pages) = all(&world, "GetParametersByPath", json!({ "Path": "/many" }));
    assert_eq!((found.len(), pages), (601, 61));
    assert_eq!(all(&world, "DescribeParameters", json!({})).1, 13);
}

#[test]
fn what_aws_publishes_is_read_and_listed() {
    let world = World::new();
    let name = "/aws/service/global-infrastructure/regions/eu-central-1";
    let found = &world.ok("GetParameter", json!({ "Name": name }))["Parameter"];
    assert_eq!(found["Value"], "eu-central-1");
    assert_eq!(found["ARN"], format!("arn:aws:ssm:us-east-1::parameter{name}"));
    let below = |path: &str, recursive: bool| {
        all(&world, "GetParametersByPath", json!({ "Path": path, "Recursive": recursive })).0
    };
    assert!(below("/aws/service/global-infrastructure/regions", false).contains(&name.to_owned()));
    assert!(
        below("/aws/service/global-infrastructure/services", false).iter().any(|name| name.ends_with("/ssm"))
    );
    assert!(below("/aws/service/global-infrastructure", false).is_empty());
    assert!(below("/aws/service", true).len() > 300);
    let own = all(&world, "DescribeParameters", json!({})).0;
    assert!(own.is_empty());
}
