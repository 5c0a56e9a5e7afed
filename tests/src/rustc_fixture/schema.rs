//! A validator for the part of JSON Schema that the schemas in `docs` use, and what else holds them
//! to the code. The crate for all of it takes minutes to compile; a keyword that is not known here
//! is an error, so nothing is left unchecked.

use super::tools::repository;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The schema `docs/<name>.schema.json`.
///
/// # Errors
/// If it is not there or no JSON.
pub fn schema_of(name: &str) -> Result<Value> {
    let path = repository().join(format!("docs/{name}.schema.json"));
    let text = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("`{}` is no JSON", path.display()))
}

/// The names of the properties that `schema` knows.
pub fn fields_of(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// The structs in the source file `path` of splitlink, each with its fields as they are called in
/// JSON.
///
/// # Errors
/// If it cannot be read, or is not written as rustfmt writes.
pub fn structs_in(path: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let code = std::fs::read_to_string(repository().join("tools/splitlink/src").join(path))?;
    let mut structs = BTreeMap::new();
    for part in code.split("\npub struct ").skip(1) {
        let (name, body) = part.split_once(" {\n").context("a struct without a body")?;
        let (body, _) = body.split_once("\n}\n").context("a struct does not end")?;
        let mut fields = BTreeSet::new();
        let mut renamed = None;
        for line in body.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("#[serde(rename = \"").and_then(|rest| rest.strip_suffix("\")]")) {
                renamed = Some(name.to_owned());
            } else if let Some((field, _)) = line.strip_prefix("pub ").and_then(|line| line.split_once(':')) {
                fields.insert(renamed.take().unwrap_or_else(|| field.to_owned()));
            }
        }
        structs.insert(name.to_owned(), fields);
    }
    Ok(structs)
}

/// The `VERSION` in the source file `path` of splitlink.
///
/// # Errors
/// If there is none.
pub fn version_in(path: &str) -> Result<String> {
    let code = std::fs::read_to_string(repository().join("tools/splitlink/src").join(path))?;
    let rest = code.split_once("pub const VERSION: u32 = ").with_context(|| format!("no VERSION in {path}"))?.1;
    Ok(rest.split_once(';').with_context(|| format!("VERSION in {path} does not end"))?.0.to_owned())
}

/// Checks `value` against `schema`.
///
/// # Errors
/// Where the value first goes against the schema, or a keyword that is not known.
pub fn validate(schema: &Value, value: &Value) -> Result<()> {
    check(schema, schema, value, "$")
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<()> {
    let Some(keywords) = schema.as_object() else { bail!("{at}: its schema is no object") };
    for (keyword, wanted) in keywords {
        let fine = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let pointer = wanted.as_str().and_then(|reference| reference.strip_prefix('#'));
                let Some(target) = pointer.and_then(|pointer| root.pointer(pointer)) else { bail!("{at}: {wanted} leads nowhere") };
                check(root, target, value, at)?;
                true
            }
            "type" => match wanted.as_str() {
                Some("object") => value.is_object(),
                Some("array") => value.is_array(),
                Some("string") => value.is_string(),
                Some("boolean") => value.is_boolean(),
                Some("integer") => value.is_u64() || value.is_i64(),
                _ => bail!("{at}: unknown type {wanted}"),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().is_some_and(|values| values.contains(value)),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= wanted.as_u64().unwrap_or(u64::MAX)),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap_or(u64::MAX)),
            "pattern" => value.as_str().is_none_or(|text| matches(wanted.as_str().unwrap_or_default(), text)),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, item, &format!("{at}[{index}]"))?;
                }
                true
            }
            "required" => {
                let missing = wanted.as_array().into_iter().flatten().find(|&name| value.get(name.as_str().unwrap_or_default()).is_none());
                if let Some(missing) = missing.filter(|_| value.is_object()) {
                    bail!("{at}: {missing} is missing");
                }
                true
            }
            "properties" => {
                for (name, schema) in wanted.as_object().into_iter().flatten() {
                    if let Some(property) = value.get(name) {
                        check(root, schema, property, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" if wanted == false => {
                let known = |name: &String| keywords.get("properties").is_some_and(|properties| properties.get(name).is_some());
                match value.as_object().into_iter().flatten().find(|(name, _)| !known(name)) {
                    Some((name, _)) => bail!("{at}: unexpected `{name}`"),
                    None => true,
                }
            }
            "additionalProperties" if wanted.is_object() => {
                for (name, property) in value.as_object().into_iter().flatten() {
                    if keywords.get("properties").is_none_or(|properties| properties.get(name).is_none()) {
                        check(root, wanted, property, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "oneOf" => {
                let results: Vec<Result<()>> = wanted.as_array().into_iter().flatten().map(|s| check(root, s, value, at)).collect();
                let fitting = results.iter().filter(|result| result.is_ok()).count();
                if fitting != 1 {
                    let why: Vec<String> = results.into_iter().filter_map(|r| r.err().map(|e| e.to_string())).collect();
                    bail!("{at}: {fitting} of the alternatives fit {value}: {}", why.join("; "));
                }
                true
            }
            _ => bail!("{at}: this validator does not know the keyword `{keyword}`"),
        };
        if !fine {
            bail!("{at}: {value} is against `{keyword}`: {wanted}");
        }
    }
    Ok(())
}

/// The patterns of the schema, which are of the form `^[class]{n}$`, `^[class]+$` or a literal
/// beginning `^text`.
fn matches(pattern: &str, text: &str) -> bool {
    let body = pattern.strip_prefix('^').unwrap_or_else(|| panic!("unknown pattern {pattern}"));
    match body {
        "[0-9a-f]{32}$" => text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
        "[^/]+$" => !text.is_empty() && !text.contains('/'),
        "[^/].*$" => !text.is_empty() && !text.starts_with('/'),
        _ => panic!("unknown pattern {pattern}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn refuses_what_does_not_fit() {
        let schema = json!({
            "type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {"a": {"$ref": "#/$defs/small"}, "list": {"type": "array", "minItems": 1, "items": {"enum": [1, 2]}}},
            "$defs": {"small": {"oneOf": [{"const": 1}, {"type": "string", "minLength": 2}]}}
        });
        assert!(validate(&schema, &json!({"a": 1, "list": [2]})).is_ok());
        for wrong in [
            json!([]),
            json!({}),
            json!({"a": 2}),
            json!({"a": "x"}),
            json!({"a": 1, "b": 1}),
            json!({"a": 1, "list": []}),
            json!({"a": 1, "list": [3]}),
        ] {
            assert!(validate(&schema, &wrong).is_err(), "{wrong}");
        }
        let map = json!({"properties": {"a": {}}, "additionalProperties": {"type": "string"}});
        assert!(validate(&map, &json!({"a": 1, "b": "x"})).is_ok() && validate(&map, &json!({"b": 1})).is_err());
        assert!(validate(&json!({"maximum": 3}), &json!(1)).unwrap_err().to_string().contains("`maximum`"));
    }
}
