//! The description as a set of JSON schemas that values can be validated against.

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

/// Where the document is said to be; nothing is ever loaded from there.
const LOCATION: &str = "memory:///openapi.json";

/// Keys of a schema that hold one schema.
const ONE: &[&str] = &["items", "additionalProperties", "propertyNames"];
/// Keys of a schema that hold several.
const SEVERAL: &[&str] = &["properties", "prefixItems", "oneOf", "anyOf"];

/// The description, ready to validate.
pub(super) struct Description {
    document: Value,
    compiler: Compiler,
    schemas: Schemas,
}

/// A schema in the document.
struct Place {
    pointer: String,
    /// Another schema may add fields to it, so only that one knows them all.
    part: bool,
}

impl Description {
    pub(super) fn new() -> Self {
        Self::of(serde_json::from_str(&crate::api::openapi::document()).unwrap())
    }

    /// One with another document.
    pub(super) fn of(document: Value) -> Self {
        let mut compiler = Compiler::new();
        compiler.add_resource(LOCATION, strict(document.clone())).unwrap();
        Self { document, compiler, schemas: Schemas::new() }
    }

    /// Validates a value against a schema under `components`.
    pub(super) fn check(&mut self, schema: &str, value: &Value) -> Result<(), String> {
        self.check_at(&format!("/strict/{schema}"), value)
    }

    /// Validates an answer against what its path says about answers with this status.
    pub(super) fn check_answer(
        &mut self,
        (method, path): (&str, &str),
        status: u16,
        value: &Value,
    ) -> Result<(), String> {
        let (path, method) = (escaped(path), method.to_lowercase());
        let answer = format!("/paths/{path}/{method}/responses/{status}");
        let kind =
            if path.ends_with("stream") { "text~1event-stream" } else { "application~1json" };
        self.check_at(&format!("{answer}/content/{kind}/schema"), value)
    }

    fn check_at(&mut self, pointer: &str, value: &Value) -> Result<(), String> {
        let schema = self
            .compiler
            .compile(&format!("{LOCATION}#{pointer}"), &mut self.schemas)
            .map_err(|error| format!("{pointer} is not described: {error:#}"))?;
        self.schemas.validate(value, schema).map_err(|error| format!("{error:#}"))
    }

    /// Where it says no more than that there is a value, an object or an array.
    pub(super) fn bare(&self) -> Vec<String> {
        let says_nothing = |place: &Place| {
            let schema = self.document.pointer(&place.pointer).unwrap();
            let has = |keys: &[&str]| keys.iter().any(|key| schema.get(key).is_some());
            let may_be = |kind: &str| match schema.get("type") {
                Some(Value::Array(kinds)) => kinds.contains(&json!(kind)),
                Some(one) => one == kind,
                None => true,
            };
            let named = has(&["$ref", "oneOf", "anyOf", "allOf", "enum"]);
            schema.is_object()
                && !named
                && (may_be("object") && !has(&["properties", "additionalProperties"])
                    || may_be("array") && !has(&["items", "prefixItems"]))
        };
        places(&self.document).into_iter().filter(says_nothing).map(|it| it.pointer).collect()
    }
}

/// The same document, allowing no field that it does not describe. The schemas under `components`
/// stay open, because others add to them; those under `strict` are the closed ones.
fn strict(mut document: Value) -> Value {
    for Place { pointer, part } in places(&document) {
        let schema = document.pointer_mut(&pointer).unwrap();
        let has_fields =
            ["$ref", "allOf", "properties"].iter().any(|key| schema.get(key).is_some());
        if has_fields && !part {
            schema["unevaluatedProperties"] = json!(false);
        }
    }
    let components = children(&document["components"]["schemas"], "");
    let closed = components.into_iter().map(|(name, ..)| {
        let reference = format!("#/components/schemas/{name}");
        (name, json!({"$ref": reference, "unevaluatedProperties": false}))
    });
    document["strict"] = closed.collect();
    document
}

/// Every schema in the document, those inside others too.
fn places(document: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    let components = &document["components"]["schemas"];
    for (_, pointer, schema) in children(components, "/components/schemas") {
        walk(schema, pointer, true, &mut found);
    }
    bodies(&document["paths"], "/paths", &mut found);
    found
}

/// The schemas of parameters, requests and answers.
fn bodies(value: &Value, pointer: &str, found: &mut Vec<Place>) {
    for (key, pointer, child) in children(value, pointer) {
        match key.as_str() {
            "schema" => walk(child, pointer, false, found),
            _ => bodies(child, &pointer, found),
        }
    }
}

fn walk(schema: &Value, pointer: String, part: bool, found: &mut Vec<Place>) {
    for (key, pointer, child) in children(schema, &pointer) {
        if ONE.contains(&key.as_str()) {
            walk(child, pointer, false, found);
        } else if key == "allOf" || SEVERAL.contains(&key.as_str()) {
            for (_, pointer, child) in children(child, &pointer) {
                walk(child, pointer, key == "allOf", found);
            }
        }
    }
    found.push(Place { pointer, part });
}

/// What is directly inside a value: key or index, pointer and value of each.
fn children<'v>(value: &'v Value, pointer: &str) -> Vec<(String, String, &'v Value)> {
    let child = |(key, value): (String, &'v Value)| {
        let pointer = format!("{pointer}/{}", escaped(&key));
        (key, pointer, value)
    };
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| child((key.clone(), value))).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| child((index.to_string(), item))).collect()
        }
        _ => vec![],
    }
}

/// Pointers to a value and to all that is inside it.
pub(super) fn pointers(value: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut next = 0;
    while let Some(pointer) = found.get(next).cloned() {
        let inside = children(value.pointer(&pointer).unwrap(), &pointer);
        found.extend(inside.into_iter().map(|(_, pointer, _)| pointer));
        next += 1;
    }
    found
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
