use crate::testing::World;
use expect_test::expect;
use serde_json::{Value, json};

fn refusals(world: &World, operation: &str, inputs: &[Value]) -> String {
    let lines = inputs.iter().map(|input| {
        let shown: String = input.to_string().chars().take(100).collect();
        match world.call("root", operation, input) {
            Ok(answer) => format!("{shown}\n    {answer}\n"),
            Err(fault) => format!("{shown}\n    {}: {}\n", fault.code(), fault.message()),
        }
    });
    lines.collect()
}

#[test]
fn names_that_a_parameter_cannot_have() {
    let world = World::new();
    let name = |name: &str| json!({ "Name": name, "Value": "v", "Type": "String" });
    let deep = "/x".repeat(16);
    let long = format!("/{}", "n".repeat(1000));
    let inputs = [
        "",
        " ",
        "/",
        "//",
        "/a//b",
        "/a/",
        "a/b",
        "/a b",
        "/a\u{0}b",
        "/a\u{1}b",
        "/ä",
        "/a:1",
        "/a*",
        "aws",
        "AWSname",
        "/ssm",
        "/ssm/a",
        "/aws/a",
        "/Aws/a",
        "awsome",
        deep.as_str(),
        long.as_str(),
        "arn:aws:ssm:us-east-1:111122223333:parameter/a",
    ];
    expect![[r#"
        {"Name":"","Type":"String","Value":"v"}
            ValidationException: 1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1
        {"Name":" ","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"/","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"//","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"/a//b","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"/a/","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"a/b","Type":"String","Value":"v"}
            ValidationException: Parameter name must be a fully qualified name.
        {"Name":"/a b","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"/a\u0000b","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"/a\u0001b","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"/ä","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"/a:1","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"/a*","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"aws","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).
        {"Name":"AWSname","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).
        {"Name":"/ssm","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).
        {"Name":"/ssm/a","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"/aws/a","Type":"String","Value":"v"}
            AccessDenied: No access to reserved parameter name: /aws/a.
        {"Name":"/Aws/a","Type":"String","Value":"v"}
            AccessDenied: No access to reserved parameter name: /Aws/a.
        {"Name":"awsome","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).
        {"Name":"/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x","Type":"String","Value":"v"}
            HierarchyLevelLimitExceededException: A hierarchy has no more than 15 levels; this name has 16.
        {"Name":"/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn
            ValidationException: The parameter name is too long: its Amazon Resource Name has more than 1011 characters.
        {"Name":"arn:aws:ssm:us-east-1:111122223333:parameter/a","Type":"String","Value":"v"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
    "#]].assert_eq(&refusals(&world, "PutParameter", &inputs.map(name)));
    assert_eq!(world.rows(), Vec::<String>::new());
    world.ok("PutParameter", name(&"/x".repeat(15)));
}

#[test]
fn values_that_a_parameter_cannot_have() {
    let world = World::new();
    for (name, kind) in [("/string", "String"), ("/secure", "SecureString")] {
        world.ok("PutParameter", json!({ "Name": name, "Value": "v", "Type": kind }));
    }
    let inputs = [
        json!({ "Name": "/a", "Value": "", "Type": "String" }),
        json!({ "Name": "/a", "Value": "v" }),
        json!({ "Name": "/a", "Value": "v", "Type": "Text" }),
        json!({ "Name": "/a", "Value": "v", "Type": "String", "KeyId": "alias/a" }),
        json!({ "Name": "/a", "Value": "{{ssm:b}}", "Type": "SecureString" }),
        json!({ "Name": "/a", "Value": "x".repeat(4097), "Type": "String" }),
        json!({ "Name": "/a", "Value": "x".repeat(8193), "Type": "String", "Tier": "Intelligent-Tiering" }),
        json!({ "Name": "/a", "Value": "{}", "Type": "String", "DataType": "json", "Tier": "Standard" }),
        json!({ "Name": "/a", "Value": "{", "Type": "String", "DataType": "json", "Tier": "Advanced" }),
        json!({ "Name": "/a", "Value": "1", "Type": "String", "DataType": "number" }),
        json!({ "Name": "/a", "Value": "ami-12345678", "Type": "String", "DataType": "aws:ec2:image" }),
        json!({ "Name": "/a", "Value": "a,b", "Type": "StringList", "DataType": "aws:ec2:image" }),
        json!({ "Name": "/a", "Value": "x", "Type": "SecureString", "DataType": "aws:ssm:integration" }),
        json!({ "Name": "/a", "Value": "a1", "Type": "String", "AllowedPattern": "[a-z]+" }),
        json!({ "Name": "/a", "Value": "a1", "Type": "String", "AllowedPattern": "(a" }),
        json!({ "Name": "/a", "Value": "a1", "Type": "String", "AllowedPattern": "a)|(a1" }),
        json!({ "Name": "/a", "Value": "a1", "Type": "String", "AllowedPattern": "(?=a).*" }),
        json!({ "Name": "/a", "Value": "aa", "Type": "String", "AllowedPattern": "(a)\\1" }),
        json!({ "Name": "/a", "Value": "aa", "Type": "String", "AllowedPattern": "((a{99}){99}){99}" }),
        json!({ "Name": "/a", "Value": "v", "Type": "String", "Policies": "[]", "Tier": "Standard", "Overwrite": true, "Tags": [{ "Key": "a", "Value": "" }] }),
        json!({ "Name": "/string", "Value": "v", "Type": "String" }),
        json!({ "Name": "/string", "Value": "v", "Type": "SecureString", "Overwrite": true }),
        json!({ "Name": "/secure", "Value": "v", "Type": "String", "Overwrite": true }),
        json!({ "Name": "/string", "Value": "v", "Overwrite": true, "DataType": "aws:ssm:integration" }),
        json!({ "Name": "/a", "Value": "v", "Type": "String", "Tags": [{ "Key": "env", "Value": "" }, { "Key": "Env", "Value": "" }] }),
        json!({ "Name": "/a", "Value": "v", "Type": "String", "Tags": [{ "Key": "aws:env", "Value": "" }] }),
        json!({ "Name": "/a", "Value": "v", "Type": "String", "Tags": (0..51).map(|n| json!({ "Key": n.to_string(), "Value": "" })).collect::<Vec<_>>() }),
    ];
    expect![[r#"
        {"Name":"/a","Type":"String","Value":""}
            ValidationException: 1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.
        {"Name":"/a","Value":"v"}
            ValidationException: A parameter type is required when you create a parameter.
        {"Name":"/a","Type":"Text","Value":"v"}
            ValidationException: 1 validation error detected: Value 'Text' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [String, StringList, SecureString]
        {"KeyId":"alias/a","Name":"/a","Type":"String","Value":"v"}
            ValidationException: KeyId is required for SecureString type parameter only.
        {"Name":"/a","Type":"SecureString","Value":"{{ssm:b}}"}
            ValidationException: Parameter value can't nest another parameter. Do not use "{{}}" in the value.
        {"Name":"/a","Type":"String","Value":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            ValidationException: Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
        {"Name":"/a","Tier":"Intelligent-Tiering","Type":"String","Value":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            ValidationException: Advanced tier parameters support a maximum parameter value of 8192 characters.
        {"DataType":"json","Name":"/a","Tier":"Standard","Type":"String","Value":"{}"}
            ValidationException: Parameter policies and the data types url, json and jsonc take the advanced-parameter tier.
        {"DataType":"json","Name":"/a","Tier":"Advanced","Type":"String","Value":"{"}
            ValidationException: The parameter value isn't of the data type json.
        {"DataType":"number","Name":"/a","Type":"String","Value":"1"}
            ValidationException: The following data type is not supported: number (Data type names are all lowercase.)
        {"DataType":"aws:ec2:image","Name":"/a","Type":"String","Value":"ami-12345678"}
            ValidationException: The data type aws:ec2:image is not supported here: there is no Amazon EC2 that knows images.
        {"DataType":"aws:ec2:image","Name":"/a","Type":"StringList","Value":"a,b"}
            UnsupportedParameterType: Parameters of the type StringList can't have the data type aws:ec2:image.
        {"DataType":"aws:ssm:integration","Name":"/a","Type":"SecureString","Value":"x"}
            ValidationException: Parameters of the data type aws:ssm:integration, and no others, have names that begin with /d9d01087-4a3f-49e0-b0b4-d568d7826553/ssm/integrations/webhook/.
        {"AllowedPattern":"[a-z]+","Name":"/a","Type":"String","Value":"a1"}
            ParameterPatternMismatchException: Parameter value, cannot be validated against allowedPattern: [a-z]+
        {"AllowedPattern":"(a","Name":"/a","Type":"String","Value":"a1"}
            InvalidAllowedPatternException: The allowed pattern isn't a regular expression that can be matched in linear time: it has no look-around and no references to groups.
        {"AllowedPattern":"a)|(a1","Name":"/a","Type":"String","Value":"a1"}
            InvalidAllowedPatternException: The allowed pattern isn't a regular expression that can be matched in linear time: it has no look-around and no references to groups.
        {"AllowedPattern":"(?=a).*","Name":"/a","Type":"String","Value":"a1"}
            InvalidAllowedPatternException: The allowed pattern isn't a regular expression that can be matched in linear time: it has no look-around and no references to groups.
        {"AllowedPattern":"(a)\\1","Name":"/a","Type":"String","Value":"aa"}
            InvalidAllowedPatternException: The allowed pattern isn't a regular expression that can be matched in linear time: it has no look-around and no references to groups.
        {"AllowedPattern":"((a{99}){99}){99}","Name":"/a","Type":"String","Value":"aa"}
            InvalidAllowedPatternException: The allowed pattern isn't a regular expression that can be matched in linear time: it has no look-around and no references to groups.
        {"Name":"/a","Overwrite":true,"Policies":"[]","Tags":[{"Key":"a","Value":""}],"Tier":"Standard","Typ
            ValidationException: Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.
        {"Name":"/string","Type":"String","Value":"v"}
            ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the overwrite option in the request to true.
        {"Name":"/string","Overwrite":true,"Type":"SecureString","Value":"v"}
            HierarchyTypeMismatchException: The parameter is of the type String and can't become one of the type SecureString: make a new parameter.
        {"Name":"/secure","Overwrite":true,"Type":"String","Value":"v"}
            HierarchyTypeMismatchException: The parameter is of the type SecureString and can't become one of the type String: make a new parameter.
        {"DataType":"aws:ssm:integration","Name":"/string","Overwrite":true,"Value":"v"}
            ValidationException: A parameter can't be changed to or from the data type aws:ssm:integration.
        {"Name":"/a","Tags":[{"Key":"env","Value":""},{"Key":"Env","Value":""}],"Type":"String","Value":"v"}
            ValidationException: The tag key Env is named twice. Tag keys that differ by case alone are the same.
        {"Name":"/a","Tags":[{"Key":"aws:env","Value":""}],"Type":"String","Value":"v"}
            ValidationException: Tag keys beginning with aws: are reserved.
        {"Name":"/a","Tags":[{"Key":"0","Value":""},{"Key":"1","Value":""},{"Key":"2","Value":""},{"Key":"3"
            TooManyTagsError: A parameter has no more than 50 tags.
    "#]].assert_eq(&refusals(&world, "PutParameter", &inputs));
    // A pattern is for all of a value, and what it is matched with takes linear time.
    let slow = json!({ "Name": "/slow", "Value": "a".repeat(4000) + "!", "Type": "String", "AllowedPattern": "(a*)*b" });
    assert_eq!(
        world.call("root", "PutParameter", &slow).unwrap_err().code(),
        "ParameterPatternMismatchException"
    );
}

#[test]
fn references_filters_and_tokens_that_are_none() {
    let world = World::new();
    world.ok("PutParameter", json!({ "Name": "/a/b", "Value": "v", "Type": "String" }));
    let reads = [
        "",
        "/none",
        "/a b",
        "/a/b:",
        "/a/b:1:2",
        "/a/b:none",
        "arn:aws:ssm:us-west-2:111122223333:parameter/a/b",
        "arn:aws:s3:::a",
        "arn:",
    ]
    .map(|name| json!({ "Name": name }));
    let tagged = [
        json!({ "ResourceType": "Document", "ResourceId": "a" }),
        json!({ "ResourceType": "Parameter", "ResourceId": "/none" }),
        json!({ "ResourceType": "Parameter", "ResourceId": "a b" }),
        json!({ "ResourceType": "Bucket", "ResourceId": "a" }),
    ];
    let paths = [
        json!({ "Path": "a" }),
        json!({ "Path": "/a//b" }),
        json!({ "Path": "/aws" }),
        json!({ "Path": "/ssm/a" }),
        json!({ "Path": "/", "MaxResults": 11 }),
        json!({ "Path": "/", "NextToken": "none" }),
        json!({ "Path": "/", "ParameterFilters": [{ "Key": "Name", "Values": ["a"] }] }),
        json!({ "Path": "/", "ParameterFilters": [{ "Key": "Label", "Option": "BeginsWith", "Values": ["a"] }] }),
        json!({ "Path": "/", "ParameterFilters": [{ "Key": "Type", "Values": ["Text"] }] }),
    ];
    let described = [
        json!({ "ParameterFilters": [{ "Key": "Label", "Values": ["a"] }] }),
        json!({ "ParameterFilters": [{ "Key": "Size", "Values": ["a"] }] }),
        json!({ "ParameterFilters": [{ "Key": "Path", "Option": "Equals", "Values": ["/a"] }] }),
        json!({ "ParameterFilters": [{ "Key": "Path", "Values": ["a"] }] }),
        json!({ "ParameterFilters": [{ "Key": "Path", "Values": ["/aws/service"] }] }),
        json!({ "ParameterFilters": [{ "Key": "Type", "Option": "Contains", "Values": ["a"] }] }),
        json!({ "ParameterFilters": [{ "Key": "Tier", "Values": ["Best"] }] }),
        json!({ "ParameterFilters": [{ "Key": "Name" }] }),
        json!({ "ParameterFilters": [{ "Key": "Name", "Values": ["a"] }, { "Key": "Name", "Values": ["b"] }] }),
        json!({ "ParameterFilters": [], "Filters": [] }),
        json!({ "NextToken": "none" }),
    ];
    let history = [json!({ "Name": "/none" }), json!({ "Name": "/a/b", "NextToken": "none" })];
    let told = [
        refusals(&world, "GetParameter", &reads),
        refusals(&world, "ListTagsForResource", &tagged),
        refusals(&world, "GetParametersByPath", &paths),
        refusals(&world, "DescribeParameters", &described),
        refusals(&world, "GetParameterHistory", &history),
    ];
    expect![[r#"
        {"Name":""}
            ValidationException: 1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1
        {"Name":"/none"}
            ParameterNotFound: 
        {"Name":"/a b"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"/a/b:"}
            ParameterVersionNotFound: Systems Manager could not find version  of /a/b. Verify the version and try again.
        {"Name":"/a/b:1:2"}
            ParameterVersionNotFound: Systems Manager could not find version 1:2 of /a/b. Verify the version and try again.
        {"Name":"/a/b:none"}
            ParameterVersionNotFound: Systems Manager could not find version none of /a/b. Verify the version and try again.
        {"Name":"arn:aws:ssm:us-west-2:111122223333:parameter/a/b"}
            ParameterNotFound: 
        {"Name":"arn:aws:s3:::a"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"Name":"arn:"}
            ValidationException: Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_
        {"ResourceId":"a","ResourceType":"Document"}
            InvalidResourceType: Fastness has no resources of the type Document yet.
        {"ResourceId":"/none","ResourceType":"Parameter"}
            InvalidResourceId: The resource ID /none isn't valid. Verify that it is the name of a parameter.
        {"ResourceId":"a b","ResourceType":"Parameter"}
            InvalidResourceId: The resource ID a b isn't valid. Verify that it is the name of a parameter.
        {"ResourceId":"a","ResourceType":"Bucket"}
            ValidationException: 1 validation error detected: Value 'Bucket' at 'resourceType' failed to satisfy constraint: Member must satisfy enum value set: [Document, ManagedInstance, MaintenanceWindow, Parameter, PatchBaseline, OpsItem, OpsMetadata, Automation, Association, CloudConnector]
        {"Path":"a"}
            ValidationException: The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.
        {"Path":"/a//b"}
            ValidationException: The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.
        {"Path":"/aws"}
            ValidationException: The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.
        {"Path":"/ssm/a"}
            ValidationException: The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.
        {"MaxResults":11,"Path":"/"}
            ValidationException: 1 validation error detected: Value '11' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 10
        {"NextToken":"none","Path":"/"}
            InvalidNextToken: The specified token isn't valid.
        {"ParameterFilters":[{"Key":"Name","Values":["a"]}],"Path":"/"}
            InvalidFilterKey: The following filter key is not valid: Name. Valid filter keys include: [Type, KeyId, Label].
        {"ParameterFilters":[{"Key":"Label","Option":"BeginsWith","Values":["a"]}],"Path":"/"}
            InvalidFilterOption: The following filter option is not valid: BeginsWith. Valid options include: [Equals].
        {"ParameterFilters":[{"Key":"Type","Values":["Text"]}],"Path":"/"}
            InvalidFilterValue: The following filter value is not valid: Text. Valid values include: [String, StringList, SecureString].
        {"ParameterFilters":[{"Key":"Label","Values":["a"]}]}
            InvalidFilterKey: The following filter key is not valid: Label. Valid filter keys include: [Path, Name, Type, KeyId, Tier, DataType, tag].
        {"ParameterFilters":[{"Key":"Size","Values":["a"]}]}
            ValidationException: 1 validation error detected: Value 'Size' at 'parameterFilters.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType)$
        {"ParameterFilters":[{"Key":"Path","Option":"Equals","Values":["/a"]}]}
            InvalidFilterOption: The following filter option is not valid: Equals. Valid options include: [Recursive, OneLevel].
        {"ParameterFilters":[{"Key":"Path","Values":["a"]}]}
            ValidationException: The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.
        {"ParameterFilters":[{"Key":"Path","Values":["/aws/service"]}]}
            ValidationException: Filters for common parameters can't be prefixed with "aws" or "ssm" (case-insensitive). When using global parameters, please specify within a global namespace.
        {"ParameterFilters":[{"Key":"Type","Option":"Contains","Values":["a"]}]}
            InvalidFilterOption: The following filter option is not valid: Contains. Valid options include: [BeginsWith, Equals].
        {"ParameterFilters":[{"Key":"Tier","Values":["Best"]}]}
            InvalidFilterValue: The following filter value is not valid: Best. Valid values include: [Standard, Advanced, Intelligent-Tiering].
        {"ParameterFilters":[{"Key":"Name"}]}
            InvalidFilterValue: The following filter values are missing : null for filter key Name.
        {"ParameterFilters":[{"Key":"Name","Values":["a"]},{"Key":"Name","Values":["b"]}]}
            InvalidFilterKey: The following filter is duplicated in the request: Name. A request can contain only one occurrence of a specific filter.
        {"Filters":[],"ParameterFilters":[]}
            ValidationException: You can use either Filters or ParameterFilters in a single request.
        {"NextToken":"none"}
            InvalidNextToken: The specified token isn't valid.
        {"Name":"/none"}
            ParameterNotFound: 
        {"Name":"/a/b","NextToken":"none"}
            InvalidNextToken: The specified token isn't valid.
    "#]].assert_eq(&told.concat());
}
