//! The script language, with nothing in it that reaches out of the script.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::str::FromStr;

use rhai::config::hashing::set_hashing_seed;
use rhai::packages::{
    BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage, BasicStringPackage,
    LanguageCorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Engine, EvalAltResult, OptimizationLevel, Token};

use crate::limits::{Bounds, CALL_DEPTH_MAX, EXPRESSION_DEPTH_MAX, FUNCTIONS_MAX, VARIABLES_MAX};

/// Words of the language that are taken out of it: text that nobody has read, and files that are
/// not there.
const TAKEN_OUT: [&str; 3] = ["eval", "import", "export"];

/// An engine with text, lists, maps and whole numbers, and nothing else. What is registered
/// before [`Program::compile`](crate::Program::compile) may be called while the script is read,
/// so it must not have effects.
pub fn engine(bounds: Bounds) -> Engine {
    seed();
    let mut engine = Engine::new_raw();
    LanguageCorePackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicFnPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    for word in TAKEN_OUT {
        engine.disable_symbol(word);
    }
    free(&mut engine, "call");
    // Waiting in a place where the host does not see it. This function is found before that of the
    // language, and does not run while the script is read.
    engine.register_fn("sleep", |_seconds: i64| -> Result<(), Box<EvalAltResult>> {
        Err("sleep is not there".into())
    });
    engine
        .set_optimization_level(OptimizationLevel::Full)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .set_max_operations(bounds.operations)
        .set_max_string_size(bounds.text_bytes)
        .set_max_array_size(bounds.list_items)
        .set_max_map_size(bounds.map_entries)
        .set_max_call_levels(CALL_DEPTH_MAX)
        .set_max_expr_depths(EXPRESSION_DEPTH_MAX, EXPRESSION_DEPTH_MAX)
        .set_max_modules(0)
        .set_max_variables(VARIABLES_MAX)
        .set_max_functions(FUNCTIONS_MAX);
    engine
}

/// A `switch` of the language compares hashes and nothing else. With numbers that are known,
/// somebody who chooses a text, a caller's name for example, could make it fit another case; so
/// each instance has numbers of its own.
fn seed() {
    let random = || RandomState::new().build_hasher().finish();
    // Refused where it was done before, by another engine of this process.
    let _ = set_hashing_seed(Some([random(), random(), random(), random()]));
}

/// Makes a reserved word one that a script's constant can have as its name. The language reserves
/// `call` for calling what a variable points to, which goes on working.
#[expect(deprecated, reason = "marked so because it may change with a version of the language")]
fn free(engine: &mut Engine, name: &'static str) {
    engine.on_parse_token(move |token, _, _| match token {
        Token::Reserved(word) if *word == name => Token::Identifier(word),
        other => other,
    });
}

/// Levels that a script may log at. `alarm` is for alarms, which are the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Something that an operator should be able to read later.
    Standard,
    /// One interaction, for example a call.
    Interaction,
    /// Steps inside the script.
    Trace,
    /// For whoever writes the script.
    Debug,
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(match word {
            "standard" => LogLevel::Standard,
            "interaction" => LogLevel::Interaction,
            "trace" => LogLevel::Trace,
            "debug" => LogLevel::Debug,
            _ => {
                let allowed = "allowed is standard, interaction, trace or debug";
                return Err(format!("level of log is {word:?}, {allowed}"));
            }
        })
    }
}

/// Gives a script `log(text)`, which is `log("standard", text)`, and the language's own `print`
/// and `debug`, which are the same at `standard` and `debug`. Has effects: call it when the script
/// has been compiled.
pub fn register_log(engine: &mut Engine, write: fn(LogLevel, &str)) {
    engine.register_fn("log", move |text: &str| write(LogLevel::Standard, text));
    engine.register_fn("log", move |level: &str, text: &str| -> Result<(), Box<EvalAltResult>> {
        write(level.parse::<LogLevel>()?, text);
        Ok(())
    });
    engine.on_print(move |text| write(LogLevel::Standard, text));
    engine.on_debug(move |text, _, _| write(LogLevel::Debug, text));
}
