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
