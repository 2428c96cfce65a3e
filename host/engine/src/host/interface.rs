//! Interfaces that an embedding program adds to the world `alarm-reaction` for its own components.
//!
//! The contract's interfaces are checked against grants; these are the embedder's own, so it
//! decides inside its functions what a component may do.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::{ComponentNamedList, Lift, Linker, LinkerInstance, Lower};

use crate::interfaces::{ReactionSide, State};

/// What the time of the embedder's functions is counted under.
const EMBEDDED: &str = "embedded";

type Register =
    Arc<dyn Fn(&mut LinkerInstance<'_, State<ReactionSide>>) -> wasmtime::Result<()> + Send + Sync>;

/// An interface by its full name, with its functions.
///
/// Parameters and results are tuples of Rust types that stand for WIT types: `String` for
/// `string`, `u32`, `bool`, `Vec<T>`, `Option<T>`, `Result<T, E>`.
#[derive(Clone)]
pub struct HostInterface {
    name: Arc<str>,
    functions: Vec<Register>,
}

impl HostInterface {
    /// An interface without functions; `name` as a component imports it, as in
    /// `example:desk/pager@1.0.0`. Names of the contract and of WASI are refused when the engine
    /// starts.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), functions: Vec::new() }
    }

    /// Adds a function. It is awaited under the deadline of the component's call, and dropped
    /// there; its time counts as the host's.
    #[must_use]
    pub fn function<Parameters, Results, Answer>(
        mut self,
        name: &'static str,
        body: impl Fn(Parameters) -> Answer + Send + Sync + 'static,
    ) -> Self
    where
        Parameters: ComponentNamedList + Lift + Send + 'static,
        Results: ComponentNamedList + Lower + Send + 'static,
        Answer: Future<Output = Results> + Send + 'static,
    {
        let body = Arc::new(body);
        self.functions.push(Arc::new(move |instance| {
            let body = Arc::clone(&body);
            instance.func_wrap_async(name, move |mut store, parameters: Parameters| {
                let answer = body(parameters);
                Box::new(async move {
                    let began = Instant::now();
                    let results = answer.await;
                    store.data_mut().host_time.add(EMBEDDED, began.elapsed());
                    Ok(results)
                })
            })
        }));
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes it importable.
    pub(crate) fn link(&self, linker: &mut Linker<State<ReactionSide>>) -> wasmtime::Result<()> {
        let mut instance = linker.instance(&self.name)?;
        self.functions.iter().try_for_each(|register| register(&mut instance))
    }
}

impl fmt::Debug for HostInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostInterface").field("name", &self.name).finish_non_exhaustive()
    }
}
