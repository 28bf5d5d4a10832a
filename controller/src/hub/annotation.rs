//! The annotation that federates a plain Ingress: an ordered list of regions.

use std::collections::BTreeSet;

use spillway_crds::names::annotations::REGION_PRIORITY;

/// Most regions in a list, as in a `RegionPriority`.
pub(crate) const MAX_REGIONS: usize = 64;
/// Longest name of a region.
const MAX_REGION_LENGTH: usize = 63;

/// Why a list of regions is not accepted. Messages name the annotation and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnnotationError {
    /// Nothing in it.
    #[error(
        "annotation {REGION_PRIORITY} is empty: it must list 1 to {MAX_REGIONS} regions, first choice first, \
         such as \"shenzhen,chengdu,beijing\""
    )]
    Empty,
    /// An item that is no region's name.
    #[error(
        "annotation {REGION_PRIORITY}: {0:?} is not a region's name: allowed are 1 to {MAX_REGION_LENGTH} of \
         a-z, 0-9 and '-', beginning and ending with a letter or digit"
    )]
    Name(String),
    /// A region that is listed twice.
    #[error("annotation {REGION_PRIORITY}: {0:?} is listed twice; each region may be listed once")]
    Twice(String),
    /// Too many.
    #[error("annotation {REGION_PRIORITY} lists {0} regions; at most {MAX_REGIONS} are allowed")]
    TooMany(usize),
}

/// The regions of an annotation's value, in their order. Spaces around names are forgiven.
pub(crate) fn regions(value: &str) -> Result<Vec<String>, AnnotationError> {
    if value.trim().is_empty() {
        return Err(AnnotationError::Empty);
    }
    let names: Vec<_> = value.split(',').map(|name| name.trim().to_owned()).collect();
    if names.len() > MAX_REGIONS {
        return Err(AnnotationError::TooMany(names.len()));
    }
    let mut seen = BTreeSet::new();
    for name in &names {
        if !is_label(name) {
            return Err(AnnotationError::Name(name.clone()));
        }
        if !seen.insert(name) {
            return Err(AnnotationError::Twice(name.clone()));
        }
    }
    Ok(names)
}

fn is_label(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=MAX_REGION_LENGTH).contains(&name.len())
        && name.chars().all(|c| letter(c) || c == '-')
        && name.starts_with(letter)
        && name.ends_with(letter)
}

#[cfg(test)]
mod tests {
    use super::{AnnotationError, regions};

    #[test]
    fn table() {
        assert_eq!(regions("shenzhen, chengdu,beijing").unwrap(), ["shenzhen", "chengdu", "beijing"]);
        let many = (0..65).map(|i| format!("r{i}")).collect::<Vec<_>>().join(",");
        for (value, error) in [
            ("", AnnotationError::Empty),
            ("  ", AnnotationError::Empty),
            ("a,,b", AnnotationError::Name(String::new())),
            ("a,B", AnnotationError::Name("B".into())),
            ("深圳", AnnotationError::Name("深圳".into())),
            ("a b", AnnotationError::Name("a b".into())),
            ("-a", AnnotationError::Name("-a".into())),
            ("a;b", AnnotationError::Name("a;b".into())),
            ("a,b,a", AnnotationError::Twice("a".into())),
            (&many, AnnotationError::TooMany(65)),
        ] {
            let refused = regions(value).unwrap_err();
            assert_eq!(refused, error, "{value:?}");
            assert!(refused.to_string().contains("kube-federation.io/region-priority"), "{refused}");
        }
    }
}
