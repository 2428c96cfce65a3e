//! A script, read once and run often.

use rhai::{AST, Dynamic, Engine, Scope};

use crate::ScriptError;
use crate::limits::SCRIPT_BYTES_MAX;

/// A script that was read, with the engine that runs it.
#[derive(Debug)]
pub struct Program {
    engine: Engine,
    script: AST,
}

impl Program {
    /// Reads a script. `names` are the constants that each run puts into its scope; every other
    /// name that the script does not define itself is an error here, not in some run.
    ///
    /// Parts of the script that do not depend on those constants are worked out here, once. What
    /// has effects must therefore not be known to `engine` yet: `register_effects` adds it when
    /// that is over.
    ///
    /// # Errors
    /// Where in the text, and what.
    pub fn compile(
        mut engine: Engine,
        text: &str,
        names: &[&'static str],
        register_effects: impl FnOnce(&mut Engine),
    ) -> Result<Self, ScriptError> {
        if text.len() > SCRIPT_BYTES_MAX {
            let found = text.len();
            let what = format!("script is {found} bytes, at most {SCRIPT_BYTES_MAX}");
            return Err(ScriptError::whole(what));
        }
        if text.trim().is_empty() {
            return Err(ScriptError::whole("script is empty"));
        }
        // Variables, although a run has constants: the value of a constant would be taken from
        // here, and there is no call yet.
        let mut scope = Scope::new();
        for name in names {
            scope.push(*name, ());
        }
        let script = engine
            .compile_with_scope(&scope, text)
            .map_err(|error| ScriptError::from_parsing(&error))?;
        register_effects(&mut engine);
        Ok(Self { engine, script })
    }

    /// Runs the script; what the scope holds beyond `scope`'s length at the call is left to the
    /// caller. The value is that of the last statement.
    ///
    /// # Errors
    /// Where in the text, and what; also a bound of [`crate::limits`].
    pub fn run(&self, scope: &mut Scope<'_>) -> Result<Dynamic, ScriptError> {
        self.engine
            .eval_ast_with_scope::<Dynamic>(scope, &self.script)
            .map_err(|error| ScriptError::from_running(*error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DECISION, ERROR_BYTES_MAX};

    fn run(text: &str) -> Result<Dynamic, ScriptError> {
        Program::compile(crate::engine(DECISION), text, &["it"], |_| {})?.run(&mut {
            let mut scope = Scope::new();
            scope.push_constant("it", 7_i64);
            scope
        })
    }

    #[test]
    fn constants_have_the_value_of_the_run_and_not_of_the_reading() {
        assert_eq!(run("it + 1").unwrap().as_int(), Ok(8));
        let program = Program::compile(crate::engine(DECISION), "it", &["it"], |_| {}).unwrap();
        for value in [1_i64, 2] {
            let mut scope = Scope::new();
            scope.push_constant("it", value);
            assert_eq!(program.run(&mut scope).unwrap().as_int(), Ok(value));
        }
    }

    #[test]
    fn effects_are_registered_when_the_script_was_read() {
        let engine = crate::engine(DECISION);
        let program = Program::compile(engine, "effect(); 1", &[], |engine| {
            engine.register_fn("effect", || -> Result<(), Box<rhai::EvalAltResult>> {
                Err("it had one".into())
            });
        });
        let error = program.unwrap().run(&mut Scope::new()).unwrap_err();
        assert_eq!(error.to_string(), "line 1, column 1: it had one");
    }

    #[test]
    fn error_is_one_bounded_line_and_keeps_what_was_thrown() {
        let error = run("throw \"a\\nb\"").unwrap_err();
        assert_eq!(error.to_string(), "line 1, column 1: a b");
        assert_eq!(error.thrown.unwrap().into_string().as_deref(), Ok("a\nb"));
        let error = run("let text = \"\\u00e9\"; text.pad(1000, 'é'); throw text").unwrap_err();
        assert!(error.what.len() <= ERROR_BYTES_MAX + 3 && error.what.ends_with("..."), "{error}");
        assert_eq!(run("throw").unwrap_err().to_string(), "line 1, column 1: thrown");
    }

    #[test]
    fn switch_takes_the_case_of_the_same_text() {
        let script = "switch \"b\" { \"a\" => 1, \"b\" => 2, _ => 3 }";
        assert_eq!(run(script).unwrap().as_int(), Ok(2));
    }
}
