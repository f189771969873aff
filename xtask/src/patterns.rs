//! The patterns of the models, which are written for Java, as the `regex` crate can have them.

use crate::config::Config;
use crate::model::Shape;

/// The pattern to generate for a shape: the model's, or what models/overrides.toml puts in its place.
pub(crate) fn effective<'a>(
    config: &'a Config,
    service: &str,
    name: &str,
    shape: &'a Shape,
) -> Result<Option<&'a str>, String> {
    let Some(pattern) = shape.pattern.as_deref() else { return Ok(None) };
    match config.patterns(service).find(|it| it.shapes.iter().any(|shape| shape == name)) {
        None => Ok(Some(pattern)),
        Some(instead) if instead.pattern == pattern => Ok(instead.instead.as_deref()),
        Some(_) => Err(format!("the pattern of {name} is not the one that models/overrides.toml replaces")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::reach;
    use crate::models;
    use std::fmt::Write as _;

    /// A pattern that does not compile would refuse every value.
    #[test]
    fn every_pattern_of_what_is_implemented_compiles() {
        let config = Config::read().unwrap();
        let mut broken = String::new();
        for service in config.services() {
            let model = models::load(service).unwrap();
            let operations = config.implemented(service).iter();
            let operations: Vec<_> = operations.map(|name| &model.operations[name]).collect();
            for name in reach::shapes(&model, &operations).unwrap() {
                let pattern = effective(&config, service, &name, model.shape(&name).unwrap()).unwrap();
                let pattern = pattern.map(|pattern| wire::Pattern::new(pattern.to_owned().leak()));
                if let Some(pattern) = pattern.filter(|pattern| !pattern.compiles()) {
                    let _ = writeln!(broken, "{service} {name}: {}", pattern.source());
                }
            }
        }
        assert_eq!(broken, "");
    }

    /// No override outlives what it was made for.
    #[test]
    fn every_override_is_needed() {
        let config = Config::read().unwrap();
        for service in config.services() {
            let model = models::load(service).unwrap();
            for instead in config.patterns(service) {
                for name in &instead.shapes {
                    let shape = model.shape(name).unwrap();
                    assert_eq!(shape.pattern.as_ref(), Some(&instead.pattern), "{service} {name}");
                }
            }
            for name in config.secrets(service) {
                assert!(!model.shape(name).unwrap().sensitive, "{service} {name}");
            }
        }
    }
}
