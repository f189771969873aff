//! Rust names for the names of a model.

/// The field or variable for a member: `KeyId` becomes `key_id`, `TableARNs` becomes `table_arns`.
pub(crate) fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            snake.push('_');
            continue;
        }
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index + 1);
        let starts = letter.is_ascii_uppercase()
            && before.is_some_and(|before| match before.is_ascii_uppercase() {
                // The last capital of an acronym begins the next word, unless an `s` for the plural follows it.
                true => after.is_some_and(char::is_ascii_lowercase) && !plural(letters.get(index + 1..)),
                false => before.is_ascii_alphanumeric(),
            });
        if starts {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    keyword(snake)
}

/// The type for a shape: the model's name with a capital first letter.
pub(crate) fn type_name(shape: &str) -> String {
    capitalized(shape)
}

/// The static that holds the schema of a shape.
pub(crate) fn static_name(shape: &str) -> String {
    snake_case(shape).trim_end_matches('_').trim_start_matches("r#").to_ascii_uppercase()
}

/// The variant for a value of an enum: `RSA_2048` becomes `Rsa2048`, `aws:kms` becomes `AwsKms`.
pub(crate) fn variant(value: &str) -> String {
    let words = value.split(|letter: char| !letter.is_ascii_alphanumeric());
    let name: String = words
        .map(|word| match word.chars().any(|letter| letter.is_ascii_lowercase()) {
            true => capitalized(word),
            false => capitalized(&word.to_ascii_lowercase()),
        })
        .collect();
    match name.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("V{name}"),
        // The one keyword with a capital.
        _ if name == "Self" => "Self_".to_owned(),
        _ => name,
    }
}

fn plural(rest: Option<&[char]>) -> bool {
    match rest {
        Some(['s']) => true,
        Some(['s', next, ..]) => next.is_ascii_uppercase(),
        _ => false,
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// Makes a keyword of Rust an identifier.
fn keyword(name: String) -> String {
    const KEYWORDS: [&str; 45] = [
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
        "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
        "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static",
        "struct", "trait", "true", "try", "type", "typeof", "unsafe", "use", "where", "while",
    ];
    match name.as_str() {
        // These can't be raw identifiers.
        "self" | "super" | "crate" => format!("{name}_"),
        _ if KEYWORDS.contains(&name.as_str()) => format!("r#{name}"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_become_fields() {
        for (member, field) in [
            ("KeyId", "key_id"),
            ("SSHPublicKeyId", "ssh_public_key_id"),
            ("S3BucketName", "s3_bucket_name"),
            ("PolicyARN", "policy_arn"),
            ("TableARNs", "table_arns"),
            ("VPCsPerRegion", "vpcs_per_region"),
            ("Sha256Hash", "sha256_hash"),
            ("mfa-serial", "mfa_serial"),
            ("Type", "r#type"),
            ("Self", "self_"),
        ] {
            assert_eq!(snake_case(member), field);
        }
    }

    #[test]
    fn values_become_variants() {
        for (value, variant_name) in [
            ("SYMMETRIC_DEFAULT", "SymmetricDefault"),
            ("RSA_2048", "Rsa2048"),
            ("aws:kms", "AwsKms"),
            ("GenerateDataKey", "GenerateDataKey"),
            ("us-east-1", "UsEast1"),
            ("2fa", "V2fa"),
            ("SELF", "Self_"),
        ] {
            assert_eq!(variant(value), variant_name);
        }
    }

    #[test]
    fn shapes_become_types_and_statics() {
        assert_eq!(type_name("statusType"), "StatusType");
        assert_eq!(static_name("AWSAccountIdType"), "AWS_ACCOUNT_ID_TYPE");
        assert_eq!(static_name("Type"), "TYPE");
    }
}
