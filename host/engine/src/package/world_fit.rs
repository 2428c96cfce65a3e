//! Whether a component is one of its world, by the names of what it imports and exports. The names
//! are read from its bytes, which takes well under a millisecond, so that a component of another
//! world is refused before a compiler has worked on it for seconds. The engine compares the types
//! behind the names when it links.

use wasmparser::{Encoding, Parser, Payload};

use super::{CONTRACT, Kind, LinkError, Manifest, interface_of};

/// Names at the outside of a component.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Names {
    /// Reads the names of a component.
    ///
    /// # Errors
    /// The bytes are no component, as far as that can be seen without looking at its code.
    pub(super) fn read(component: &[u8]) -> Result<Self, LinkError> {
        let broken = |error: &dyn std::fmt::Display| {
            LinkError::Compile(wasmtime::Error::msg(error.to_string()))
        };
        let mut names = Self::default();
        // What is inside of it is a component or a module with names of its own.
        let mut depth = 0_u32;
        let mut ended = false;
        for payload in Parser::new(0).parse_all(component) {
            match payload.map_err(|error| broken(&error))? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(broken(&"it is a core module"));
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => {
                    ended = depth == 0;
                    depth = depth.saturating_sub(1);
                }
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import.map_err(|error| broken(&error))?;
                        names.imports.push(import.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export.map_err(|error| broken(&error))?;
                        names.exports.push(export.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        if ended { Ok(names) } else { Err(broken(&"it ends early")) }
    }

    /// Compares the names with what the manifest's world offers and wants. `added` are the
    /// embedder's interfaces.
    ///
    /// # Errors
    /// The first name that does not fit, and why.
    pub(super) fn check(&self, manifest: &Manifest, added: &[String]) -> Result<(), LinkError> {
        let kind = manifest.kind;
        let mut imported = Vec::new();
        for import in &self.imports {
            match interface_of(import) {
                Some(interface) if kind.imports().contains(&interface) => imported.push(interface),
                None if import.starts_with("wasi:") => {}
                None if kind == Kind::AlarmReaction && added.contains(import) => {}
                _ => return Err(LinkError::Import { import: import.clone(), kind }),
            }
        }
        for export in ["lifecycle", kind.export()] {
            if !self.exports.iter().any(|name| interface_of(name) == Some(export)) {
                let found = match &self.exports[..] {
                    [] => "nothing".to_owned(),
                    exports => exports.join(", "),
                };
                let export = format!("{CONTRACT}/{export}");
                return Err(LinkError::Export { export, kind, found });
            }
        }
        match manifest.asked().find(|permission| !imported.contains(&permission.interface())) {
            Some(unused) => Err(LinkError::Unused(unused)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The preamble of a component, and of a module.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn smallest_component_has_no_names() {
        assert_eq!(Names::read(COMPONENT).unwrap(), Names::default());
    }

    #[test]
    fn what_is_no_component_is_refused_with_why() {
        let cases: [(&[u8], &str); 3] = [
            (MODULE, "it is a core module"),
            (b"", "unexpected end"),
            (b"nonsense that is long enough", "magic header"),
        ];
        for (bytes, why) in cases {
            let error = Names::read(bytes).unwrap_err().to_string();
            assert!(error.contains("is not a valid component") && error.contains(why), "{error}");
        }
    }

    #[test]
    fn names_inside_of_a_component_are_not_its_own() {
        // A component section (4) that holds a component with an import of an instance type: the
        // outer one imports nothing.
        let type_section = [7, 3, 1, 0x42, 0];
        let name = b"a:b/c";
        let mut import = vec![10, u8::try_from(name.len() + 5).unwrap(), 1, 0];
        import.push(u8::try_from(name.len()).unwrap());
        import.extend(name);
        import.extend([5, 0]);
        let inner = [COMPONENT, &type_section, &import].concat();
        assert_eq!(Names::read(&inner).unwrap().imports, ["a:b/c"]);
        let size = u8::try_from(inner.len()).unwrap();
        let outer = [COMPONENT, &[4, size], &inner].concat();
        assert_eq!(Names::read(&outer).unwrap(), Names::default());
    }
}
