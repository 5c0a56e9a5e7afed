//! The part of CycloneDX 1.6 that is written here, in JSON. Names and order are those of its schema
//! (`bom-1.6.schema.json`), by which a test validates what comes out.

use serde::Serialize;

/// The version of the specification.
pub(super) const SPEC_VERSION: &str = "1.6";

/// A bill of materials.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bom {
    /// Where the schema is.
    #[serde(rename = "$schema")]
    pub(super) schema: &'static str,
    /// Always `CycloneDX`.
    pub(super) bom_format: &'static str,
    /// [`SPEC_VERSION`].
    pub(super) spec_version: &'static str,
    /// How often it was corrected: 1 for never.
    pub(super) version: u32,
    /// What it is of, and who made it.
    pub(super) metadata: Metadata,
    /// What is in there.
    pub(super) components: Vec<Component>,
    /// What depends on what, as far as that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dependencies: Vec<Dependency>,
    /// How much is known.
    pub(super) compositions: Vec<Composition>,
}

/// What a bill is of, and who made it.
#[derive(Debug, Serialize)]
pub(super) struct Metadata {
    /// The programs that made it.
    pub(super) tools: Tools,
    /// What it is of.
    pub(super) component: Component,
}

/// Programs.
#[derive(Debug, Serialize)]
pub(super) struct Tools {
    /// One for each.
    pub(super) components: Vec<Component>,
}

/// A piece of software.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Component {
    /// `application` or `library`.
    pub(super) r#type: &'static str,
    /// What it is called within the bill; nothing refers to a tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bom_ref: Option<String>,
    /// Its name.
    pub(super) name: String,
    /// Its version, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// Its package URL, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    /// What else is said of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
}

/// A name of splitlink's, and a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Property {
    /// The name.
    pub(super) name: String,
    /// The value.
    pub(super) value: String,
}

/// What one component depends on.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    /// The component.
    pub(super) r#ref: String,
    /// What it depends on; nothing at all if this is empty.
    pub(super) depends_on: Vec<String>,
}

/// How much is known of something.
#[derive(Debug, Serialize)]
pub(super) struct Composition {
    /// `unknown`, and other words of the specification's.
    pub(super) aggregate: &'static str,
    /// The components of whose dependencies it is said.
    pub(super) dependencies: Vec<String>,
}
