//! Reads introspection XML, so that a test can hold the live object to the contract. Only tests switch this on.

use std::collections::BTreeSet;

/// Why introspection data could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BadIntrospection {
    /// It is not XML.
    #[error("introspection data is not xml")]
    Xml(#[from] roxmltree::Error),
    /// It does not describe this interface.
    #[error("interface {0} is not in the introspection data")]
    Absent(String),
}

/// All that `interface` promises in this XML, one member a line (`method Install(in version s, …)`, `property State s read`), without
/// comments and annotations.
///
/// # Errors
/// When the XML cannot be read or does not describe the interface.
pub fn members(xml: &str, interface: &str) -> Result<BTreeSet<String>, BadIntrospection> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(xml, options)?;
    let mut children = document.root_element().children();
    let found = children
        .find(|node| node.has_tag_name("interface") && node.attribute("name") == Some(interface))
        .ok_or_else(|| BadIntrospection::Absent(interface.to_owned()))?;
    Ok(found.children().filter(|node| node.is_element() && !node.has_tag_name("annotation")).map(member).collect())
}

fn member(node: roxmltree::Node<'_, '_>) -> String {
    let value = |node: roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap_or_default().to_owned();
    let (tag, name) = (node.tag_name().name(), value(node, "name"));
    if tag == "property" {
        return format!("property {name} {} {}", value(node, "type"), value(node, "access"));
    }
    let arguments: Vec<_> = node
        .children()
        .filter(|child| child.has_tag_name("arg"))
        .map(|arg| format!("{} {} {}", value(arg, "direction"), value(arg, "name"), value(arg, "type")))
        .collect();
    format!("{tag} {name}({})", arguments.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{INTERFACE, INTROSPECTION};

    #[test]
    fn the_contract_reads_as_written() {
        let members = members(INTROSPECTION, INTERFACE).unwrap();
        assert!(members.contains("method Install(in version s, in digest s, in options a{sv})"), "{members:#?}");
        assert!(members.contains("property LastFailure (ssa{sv}) read"));
        assert_eq!(members.len(), 29);
    }

    #[test]
    fn another_interface_is_absent() {
        assert!(matches!(members(INTROSPECTION, "org.example"), Err(BadIntrospection::Absent(_))));
    }
}
