//! `to_json(value)`: the language has one of its own, which writes control characters in a way
//! that is not JSON (RFC 8259, 7).

use std::fmt::Write as _;

use takeover_script::rhai::{Array, Dynamic, Engine, Map};

use super::fault::Outcome;

/// Lists and maps in one another. Beyond it: an error of the script.
const DEPTH_MAX: usize = 16;

/// Teaches the engine.
pub fn register(engine: &mut Engine) {
    engine.register_fn("to_json", |map: &mut Map| written(Dynamic::from_map(map.clone())));
    engine.register_fn("to_json", |list: &mut Array| written(Dynamic::from_array(list.clone())));
    engine.register_fn("to_json", |text: &str| written(text.to_owned().into()));
}

fn written(value: Dynamic) -> Outcome<String> {
    let mut json = String::new();
    write(&mut json, value, 0)?;
    Ok(json)
}

fn write(json: &mut String, value: Dynamic, depth: usize) -> Outcome<()> {
    if depth > DEPTH_MAX {
        return Err(format!("to_json: deeper than {DEPTH_MAX} lists and maps").into());
    }
    if value.is_unit() {
        json.push_str("null");
    } else if value.is_int() || value.is_bool() {
        json.push_str(&value.to_string());
    } else if value.is_string() || value.is_char() {
        write_text(json, &value.to_string());
    } else if value.is_array() {
        json.push('[');
        for (index, item) in value.into_array().unwrap_or_default().into_iter().enumerate() {
            json.push_str(if index > 0 { "," } else { "" });
            write(json, item, depth + 1)?;
        }
        json.push(']');
    } else if value.is_map() {
        json.push('{');
        for (index, (name, item)) in value.cast::<Map>().into_iter().enumerate() {
            json.push_str(if index > 0 { "," } else { "" });
            write_text(json, &name);
            json.push(':');
            write(json, item, depth + 1)?;
        }
        json.push('}');
    } else {
        return Err(format!("to_json: {} is not a value of JSON", value.type_name()).into());
    }
    Ok(())
}

fn write_text(json: &mut String, text: &str) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => json.extend(['\\', letter]),
            control if control < ' ' => {
                // Writing to a text does not fail.
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}
