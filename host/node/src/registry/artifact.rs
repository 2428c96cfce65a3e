//! What a plugin is in a registry: one layer, the component; a configuration that says what it
//! imports and exports; and a manifest that binds both by their digests. They follow the layout for
//! WebAssembly of the CNCF (tag-runtime, "Wasm OCI artifact layout", v0), so that `wkg` and others
//! read the component. Our own manifest and its signature are annotations: a second layer would be
//! refused by them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use takeover_engine::package::{Verified, interfaces};

use super::reference::is_digest;
use crate::limits::REGISTRY_COMPONENT_BYTES_MAX;

/// Media types of the layout.
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const COMPONENT_TYPE: &str = "application/wasm";
pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// Annotation with the text of `plugin.toml`.
const PLUGIN: &str = "takeover.plugin/manifest";
/// Annotation with the text of `plugin.sig`.
const SIGNATURE: &str = "takeover.plugin/signature";

/// A part of an artifact, with what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: String,
}

impl Blob {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let digest = digest(&bytes);
        Self { bytes, digest }
    }

    fn descriptor(&self, media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

/// The digest of bytes, as the protocol writes it.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// A plugin as an artifact.
pub(super) struct Artifact {
    pub(super) component: Blob,
    pub(super) config: Blob,
    pub(super) manifest: Vec<u8>,
}

impl Artifact {
    pub(super) fn of(verified: &Verified) -> Self {
        let file = |wanted: &str| {
            let mut files = verified.package.files();
            files.find(|(name, _)| *name == wanted).map(|(_, bytes)| bytes)
        };
        let text = |name: &str| file(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let component = Blob::new(file("component.wasm").unwrap_or_default().to_vec());
        let (imports, exports) = interfaces(&component.bytes);
        let config = json!({
            // A fixed time: the same plugin is the same artifact, whenever it is pushed.
            "created": "1970-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [component.digest],
            "component": { "exports": exports, "imports": imports },
        });
        let config = Blob::new(config.to_string().into_bytes());
        let about = &verified.manifest;
        let mut annotations = json!({
            "org.opencontainers.image.title": about.name,
            "org.opencontainers.image.version": about.version,
            "org.opencontainers.image.description": about.description,
        });
        for (key, name) in [(PLUGIN, "plugin.toml"), (SIGNATURE, "plugin.sig")] {
            if let (Some(text), Some(annotations)) = (text(name), annotations.as_object_mut()) {
                annotations.insert(key.to_owned(), text.into());
            }
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": config.descriptor(CONFIG_TYPE),
            "layers": [component.descriptor(COMPONENT_TYPE)],
            "annotations": annotations,
        });
        Self { component, config, manifest: manifest.to_string().into_bytes() }
    }
}

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) name: String,
    /// The text of `plugin.toml`.
    pub(super) plugin: String,
    pub(super) signature: Option<String>,
    /// Digest of the component.
    pub(super) component: String,
    /// Its size, within the bound.
    pub(super) component_bytes: u64,
}

/// Reads a manifest; what is wrong with it, in an operator's words.
pub(super) fn describe(bytes: &[u8]) -> Result<Described, String> {
    let manifest: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("its manifest: {error}"))?;
    let text = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
    let layers = manifest.get("layers").and_then(Value::as_array);
    let Some([layer]) = layers.map(Vec::as_slice) else {
        let found = layers.map_or(0, Vec::len);
        return Err(format!("it has {found} layers, a component has one"));
    };
    let media_type = text(layer, "mediaType").unwrap_or_default();
    if media_type != COMPONENT_TYPE {
        return Err(format!("its layer is {media_type:?}, a component is {COMPONENT_TYPE:?}"));
    }
    let component = text(layer, "digest").filter(|digest| is_digest(digest));
    let component = component.ok_or("the digest of its layer is not one of SHA-256")?;
    let size = layer.get("size").and_then(Value::as_u64);
    let component_bytes = size.ok_or("the size of its layer is not a number")?;
    if component_bytes > REGISTRY_COMPONENT_BYTES_MAX {
        let max = REGISTRY_COMPONENT_BYTES_MAX;
        return Err(format!("its component is {component_bytes} bytes, at most {max}"));
    }
    let annotation = |key: &str| text(manifest.get("annotations")?, key);
    let plugin = annotation(PLUGIN)
        .ok_or_else(|| format!("it is a component without a plugin's manifest ({PLUGIN})"))?;
    let name = plugin
        .parse::<toml::Table>()
        .ok()
        .and_then(|table| Some(table.get("name")?.as_str()?.to_owned()))
        .filter(|name| is_plain(name))
        .ok_or("the plugin's manifest does not name it")?;
    Ok(Described { name, plugin, signature: annotation(SIGNATURE), component, component_bytes })
}

/// It becomes the name of a folder before the whole manifest is checked.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= 64 && name.chars().all(plain)
}
