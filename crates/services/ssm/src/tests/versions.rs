use crate::testing::World;
use expect_test::expect;
use serde_json::json;

#[test]
fn a_parameter_is_put_read_changed_and_deleted() {
    let world = World::new();
    expect![[r#"
        > root PutParameter {"Name":"/app/name","Value":"a","Type":"String","Description":"first","AllowedPattern":"[a-z]+","Tags":[{"Key":"env","Value":"dev"}]}
        {"Tier":"Standard","Version":1}
        > root GetParameter {"Name":"/app/name"}
        {"Parameter":{"ARN":"arn:aws:ssm:us-east-1:111122223333:parameter/app/name","DataType":"text","LastModifiedDate":1795302463,"Name":"/app/name","Type":"String","Value":"a","Version":1}}
        > root PutParameter {"Name":"/app/name","Value":"b","Overwrite":true}
        {"Tier":"Standard","Version":2}
        > root GetParameter {"Name":" /app/name "}
        {"Parameter":{"ARN":"arn:aws:ssm:us-east-1:111122223333:parameter/app/name","DataType":"text","LastModifiedDate":1795302463,"Name":"/app/name","Type":"String","Value":"b","Version":2}}
        > root GetParameter {"Name":"/app/name:1"}
        {"Parameter":{"ARN":"arn:aws:ssm:us-east-1:111122223333:parameter/app/name","DataType":"text","LastModifiedDate":1795302463,"Name":"/app/name","Selector":":1","Type":"String","Value":"a","Version":1}}
        > root GetParameter {"Name":"arn:aws:ssm:us-east-1:111122223333:parameter/app/name:2"}
        {"Parameter":{"ARN":"arn:aws:ssm:us-east-1:111122223333:parameter/app/name","DataType":"text","LastModifiedDate":1795302463,"Name":"/app/name","Selector":":2","Type":"String","Value":"b","Version":2}}
        > root DescribeParameters
        {"Parameters":[{"ARN":"arn:aws:ssm:us-east-1:111122223333:parameter/app/name","AllowedPattern":"[a-z]+","DataType":"text","Description":"first","LastModifiedDate":1795302463,"LastModifiedUser":"arn:aws:iam::111122223333:root","Name":"/app/name","Policies":[],"Tier":"Standard","Type":"String","Version":2}]}
        > root GetParameterHistory {"Name":"/app/name"}
        {"Parameters":[{"AllowedPattern":"[a-z]+","DataType":"text","Description":"first","Labels":[],"LastModifiedDate":1795302463,"LastModifiedUser":"arn:aws:iam::111122223333:root","Name":"/app/name","Policies":[],"Tier":"Standard","Type":"String","Value":"a","Version":1},{"AllowedPattern":"[a-z]+","DataType":"text","Description":"first","Labels":[],"LastModifiedDate":1795302463,"LastModifiedUser":"arn:aws:iam::111122223333:root","Name":"/app/name","Policies":[],"Tier":"Standard","Type":"String","Value":"b","Version":2}]}
        > root ListTagsForResource {"ResourceType":"Parameter","ResourceId":"/app/name"}
        {"TagList":[{"Key":"env","Value":"dev"}]}
        > root RemoveTagsFromResource {"ResourceType":"Parameter","ResourceId":"/app/name","TagKeys":["env","none"]}
        {}
        > root AddTagsToResource {"ResourceType":"Parameter","ResourceId":"/app/name","Tags":[{"Key":"team","Value":""}]}
        {}
        > root ListTagsForResource {"ResourceType":"Parameter","ResourceId":"/app/name"}
        {"TagList":[{"Key":"team","Value":""}]}
        > root PutParameter {"Name":"plain","Value":"x,y","Type":"StringList"}
        {"Tier":"Standard","Version":1}
        > root GetParameter {"Name":"/plain"}
        {"Parameter":{"ARN":"arn:aws:ssm:us-east-1:111122223333:parameter/plain","DataType":"text","LastModifiedDate":1795302463,"Name":"plain","Type":"StringList","Value":"x,y","Version":1}}
        > root GetParameters {"Names":["plain","/app/name:9","no/slash","/none","/app/name"]}
        {"InvalidParameters":["/app/name:9","/none","no/slash"],"Parameters":[{"ARN":"arn:aws:ssm:us-east-1:111122223333:parameter/app/name","DataType":"text","LastModifiedDate":1795302463,"Name":"/app/name","Type":"String","Value":"b","Version":2},{"ARN":"arn:aws:ssm:us-east-1:111122223333:parameter/plain","DataType":"text","LastModifiedDate":1795302463,"Name":"plain","Type":"StringList","Value":"x,y","Version":1}]}
        > root DeleteParameters {"Names":["plain","/none","bad name"]}
        {"DeletedParameters":["plain"],"InvalidParameters":["/none","bad name"]}
        > root DeleteParameter {"Name":"/app/name"}
        {}
        > root DeleteParameter {"Name":"/app/name"}
        ParameterNotFound: 
        > root GetParameter {"Name":"/app/name"}
        ParameterNotFound: 
    "#]].assert_eq(&world.play(
        r#"
        root PutParameter {"Name":"/app/name","Value":"a","Type":"String","Description":"first","AllowedPattern":"[a-z]+","Tags":[{"Key":"env","Value":"dev"}]}
        root GetParameter {"Name":"/app/name"}
        root PutParameter {"Name":"/app/name","Value":"b","Overwrite":true}
        root GetParameter {"Name":" /app/name "}
        root GetParameter {"Name":"/app/name:1"}
        root GetParameter {"Name":"arn:aws:ssm:us-east-1:111122223333:parameter/app/name:2"}
        root DescribeParameters
        root GetParameterHistory {"Name":"/app/name"}
        root ListTagsForResource {"ResourceType":"Parameter","ResourceId":"/app/name"}
        root RemoveTagsFromResource {"ResourceType":"Parameter","ResourceId":"/app/name","TagKeys":["env","none"]}
        root AddTagsToResource {"ResourceType":"Parameter","ResourceId":"/app/name","Tags":[{"Key":"team","Value":""}]}
        root ListTagsForResource {"ResourceType":"Parameter","ResourceId":"/app/name"}
        root PutParameter {"Name":"plain","Value":"x,y","Type":"StringList"}
        root GetParameter {"Name":"/plain"}
        root GetParameters {"Names":["plain","/app/name:9","no/slash","/none","/app/name"]}
        root DeleteParameters {"Names":["plain","/none","bad name"]}
        root DeleteParameter {"Name":"/app/name"}
        root DeleteParameter {"Name":"/app/name"}
        root GetParameter {"Name":"/app/name"}
        "#,
    ));
    // The quota counts are all that is left, and they count nothing.
    assert_eq!(world.rows(), Vec::<String>::new());
}

#[test]
fn labels_move_and_select() {
    let world = World::new();
    for value in ["1", "2", "3"] {
        world
            .ok("PutParameter", json!({ "Name": "/a", "Value": value, "Type": "String", "Overwrite": true }));
    }
    expect![[r#"
        > root LabelParameterVersion {"Name":"/a","ParameterVersion":1,"Labels":["prod","test","1st","AWS-x","ssmlabel","a b"]}
        {"InvalidLabels":["1st","AWS-x","ssmlabel","a b"],"ParameterVersion":1}
        > root GetParameter {"Name":"/a:prod"}
        {"Parameter":{"ARN":"arn:aws:ssm:us-east-1:111122223333:parameter/a","DataType":"text","LastModifiedDate":1795302463,"Name":"/a","Selector":":prod","Type":"String","Value":"1","Version":1}}
        > root LabelParameterVersion {"Name":"/a","Labels":["prod"]}
        {"InvalidLabels":[],"ParameterVersion":3}
        > root GetParameter {"Name":"/a:prod"}
        {"Parameter":{"ARN":"arn:aws:ssm:us-east-1:111122223333:parameter/a","DataType":"text","LastModifiedDate":1795302463,"Name":"/a","Selector":":prod","Type":"String","Value":"3","Version":3}}
        > root GetParameterHistory {"Name":"/a","MaxResults":2}
        {"NextToken":"…","Parameters":[{"DataType":"text","Labels":["test"],"LastModifiedDate":1795302463,"LastModifiedUser":"arn:aws:iam::111122223333:root","Name":"/a","Policies":[],"Tier":"Standard","Type":"String","Value":"1","Version":1},{"DataType":"text","Labels":[],"LastModifiedDate":1795302463,"LastModifiedUser":"arn:aws:iam::111122223333:root","Name":"/a","Policies":[],"Tier":"Standard","Type":"String","Value":"2","Version":2}]}
        > root UnlabelParameterVersion {"Name":"/a","ParameterVersion":3,"Labels":["prod","test"]}
        {"InvalidLabels":["test"],"RemovedLabels":["prod"]}
        > root GetParameter {"Name":"/a:prod"}
        ParameterVersionNotFound: Systems Manager could not find version prod of /a. Verify the version and try again.
        > root GetParameter {"Name":"/a:9"}
        ParameterVersionNotFound: Systems Manager could not find version 9 of /a. Verify the version and try again.
        > root LabelParameterVersion {"Name":"/a","ParameterVersion":4,"Labels":["x"]}
        ParameterVersionNotFound: Systems Manager could not find version 4 of /a. Verify the version and try again.
        > root LabelParameterVersion {"Name":"/none","Labels":["x"]}
        ParameterNotFound: 
        > root UnlabelParameterVersion {"Name":"/a","ParameterVersion":0,"Labels":["x"]}
        ParameterVersionNotFound: Systems Manager could not find version 0 of /a. Verify the version and try again.
        > root LabelParameterVersion {"Name":"/a","Labels":["a","b","c","d","e","f","g","h","i","j"]}
        {"InvalidLabels":[],"ParameterVersion":3}
        > root LabelParameterVersion {"Name":"/a","Labels":["k"]}
        ParameterVersionLabelLimitExceeded: A parameter version can have maximum 10 labels. Move one or more labels to another version and try again.
    "#]].assert_eq(&world.play(
        r#"
        root LabelParameterVersion {"Name":"/a","ParameterVersion":1,"Labels":["prod","test","1st","AWS-x","ssmlabel","a b"]}
        root GetParameter {"Name":"/a:prod"}
        root LabelParameterVersion {"Name":"/a","Labels":["prod"]}
        root GetParameter {"Name":"/a:prod"}
        root GetParameterHistory {"Name":"/a","MaxResults":2}
        root UnlabelParameterVersion {"Name":"/a","ParameterVersion":3,"Labels":["prod","test"]}
        root GetParameter {"Name":"/a:prod"}
        root GetParameter {"Name":"/a:9"}
        root LabelParameterVersion {"Name":"/a","ParameterVersion":4,"Labels":["x"]}
        root LabelParameterVersion {"Name":"/none","Labels":["x"]}
        root UnlabelParameterVersion {"Name":"/a","ParameterVersion":0,"Labels":["x"]}
        root LabelParameterVersion {"Name":"/a","Labels":["a","b","c","d","e","f","g","h","i","j"]}
        root LabelParameterVersion {"Name":"/a","Labels":["k"]}
        "#,
    ));
}

#[test]
fn a_hundred_versions_are_kept_unless_the_oldest_has_a_label() {
    let world = World::new();
    let put = || {
        world.call(
            "root",
            "PutParameter",
            &json!({ "Name": "/a", "Value": "v", "Type": "String", "Overwrite": true }),
        )
    };
    for number in 1..=100 {
        assert_eq!(put().unwrap()["Version"], number);
    }
    world.ok("LabelParameterVersion", json!({ "Name": "/a", "ParameterVersion": 1, "Labels": ["kept"] }));
    let fault = put().unwrap_err();
    assert_eq!(fault.code(), "ParameterMaxVersionLimitExceeded");
    assert!(
        fault.message().contains("new version of /a by") && fault.message().contains("Version 1, the oldest")
    );
    world.ok("LabelParameterVersion", json!({ "Name": "/a", "Labels": ["kept"] }));
    assert_eq!(put().unwrap()["Version"], 101);
    assert_eq!(world.ok("GetParameter", json!({ "Name": "/a:2" }))["Parameter"]["Version"], 2);
    let gone = world.call("root", "GetParameter", &json!({ "Name": "/a:1" })).unwrap_err();
    assert_eq!(gone.code(), "ParameterVersionNotFound");
    let mut seen = Vec::new();
    let mut input = json!({ "Name": "/a", "MaxResults": 33 });
    loop {
        let page = world.ok("GetParameterHistory", input.clone());
        seen.extend(
            page["Parameters"].as_array().unwrap().iter().map(|one| one["Version"].as_i64().unwrap()),
        );
        match page.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(seen, (2..=101).collect::<Vec<_>>());
    world.ok("DeleteParameter", json!({ "Name": "/a" }));
    assert_eq!(world.rows(), Vec::<String>::new());
}
