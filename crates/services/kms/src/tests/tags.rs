use super::{denied, refused};
use crate::api::{ListResourceTagsRequest, Tag, TagResourceRequest, UntagResourceRequest, ops};
use crate::testing::{ACCOUNT, World, allow};
use platform::Fault;

fn add(world: &World, key: &str, tags: &[(&str, &str)]) -> Result<(), Fault> {
    let tags =
        tags.iter().map(|(key, value)| Tag { tag_key: (*key).to_owned(), tag_value: (*value).to_owned() });
    let input = TagResourceRequest { key_id: key.to_owned(), tags: tags.collect() };
    world.call::<ops::TagResource>(&world.root(), input).map(drop)
}

fn list(
    world: &World,
    key: &str,
    limit: Option<i32>,
    marker: Option<String>,
) -> (Vec<String>, Option<String>) {
    let input = ListResourceTagsRequest { key_id: key.to_owned(), limit, marker };
    let output = world.call::<ops::ListResourceTags>(&world.root(), input).unwrap();
    let tags = output.tags.unwrap().into_iter().map(|tag| format!("{}={}", tag.tag_key, tag.tag_value));
    (tags.collect(), output.next_marker)
}

#[test]
fn tags_come_change_and_go() {
    let world = World::new();
    let key = world.key();
    add(&world, &key, &[("b", "1"), ("a", "2"), ("Ä", "")]).unwrap();
    add(&world, &key, &[("b", "3")]).unwrap();
    assert_eq!(list(&world, &key, None, None), (vec!["a=2".into(), "b=3".into(), "Ä=".into()], None));
    let input =
        UntagResourceRequest { key_id: key.clone(), tag_keys: vec!["b".to_owned(), "none".to_owned()] };
    world.call::<ops::UntagResource>(&world.root(), input).unwrap();
    let (first, marker) = list(&world, &key, Some(1), None);
    let (second, end) = list(&world, &key, Some(1), marker);
    assert_eq!((first, second, end), (vec!["a=2".into()], vec!["Ä=".into()], None));
}

#[test]
fn tags_that_are_refused() {
    let world = World::new();
    let key = world.key();
    add(&world, &key, &[("held", "")]).unwrap();
    for (tags, message) in [
        (&[("a", "1"), ("a", "2")][..], "Duplicate tag keys"),
        (&[("env", "1"), ("Env", "2")], "Duplicate tag keys"),
        (&[("stack", "1"), ("Stac\u{212A}", "2")], "Duplicate tag keys"),
        (&[("HELD", "1")], "Duplicate tag keys"),
        (&[("aw\u{17F}:a", "1")], "Tags beginning with aws: are reserved"),
        (&[("AWS:a", "1")], "Tags beginning with aws: are reserved"),
        (&[("a\"", "1")], "Tag keys contain invalid characters"),
        (&[("a", "*")], "Tag values contain invalid characters"),
    ] {
        refused(add(&world, &key, tags), "TagException", message);
    }
    let many: Vec<_> = (0..51).map(|number| format!("k{number}")).collect();
    let many: Vec<_> = many.iter().map(|key| (key.as_str(), "")).collect();
    refused(add(&world, &key, &many), "TagException", "Too many tags");
    add(&world, &key, &many[..49]).unwrap();
    refused(
        add(&world, &key, &many[..50]),
        "LimitExceededException",
        "A KMS key cannot have more than 50 tags.",
    );
}

#[test]
fn permissions() {
    let world = World::new();
    let key_id = world.key();
    let input = || TagResourceRequest {
        key_id: key_id.clone(),
        tags: vec![Tag { tag_key: "a".into(), tag_value: "1".into() }],
    };
    let nobody = world.user(ACCOUNT, "nobody", &allow("kms:UntagResource"));
    denied(world.call::<ops::TagResource>(&nobody, input()), "kms:TagResource");
    let only = |action: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":"kms:{action}","Resource":"*","Condition":{{"ForAnyValue:StringEquals":{{"aws:TagKeys":"a"}}}}}}"#
        )
    };
    let tagger = world.user(ACCOUNT, "tagger", &format!("{},{}", only("TagResource"), only("UntagResource")));
    world.call::<ops::TagResource>(&tagger, input()).unwrap();
    let untag = |tag: &str| UntagResourceRequest { key_id: key_id.clone(), tag_keys: vec![tag.to_owned()] };
    world.call::<ops::UntagResource>(&tagger, untag("a")).unwrap();
    denied(world.call::<ops::UntagResource>(&tagger, untag("b")), "kms:UntagResource");
}
