//! The program's side of the application channel: a small client for programs under a host agent.
//!
//! ```text
//!                      +-- Voice (any thread, never waits) --+
//!   the program -------+                                     +--> one task <--> host agent
//!                      +-- ApplicationChannel::next() <------+
//! ```
//!
//! It connects again by itself whenever the agent is replaced, for ever, with a bounded wait; then
//! it says again what the program last said of itself. While the agent is away the program keeps
//! its run mode. The protocol is on the page `host/docs/applications.md`; this client must not
//! know what a run mode means to the program.

use std::path::PathBuf;
use std::sync::Arc;

use takeover_logic::channel::{ENVIRONMENT, FromProgram, ToProgram};
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;
use takeover_logic::log_event::EventId;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

pub use takeover_logic::channel::{Calls, Hello, Reject, VipHere};
pub use takeover_logic::keep::{Item, Keep, Kept};

use self::lines::{JsonLines, LinesError};
use self::memory::Memory;
use crate::limits::{
    CHANNEL_CALLS_INTERVAL, CHANNEL_NEWS_MAX, CHANNEL_RETRY_MAX, CHANNEL_RETRY_MIN,
    CHANNEL_SAYINGS_MAX,
};

pub(crate) mod lines;
mod memory;
#[cfg(test)]
mod tests;

/// What a program is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A connection began: everything there is to know. It counts also where it differs from what
    /// was told before.
    Hello(Hello),
    /// Its run mode changed; to be answered with [`Voice::run_mode_done`] when it is so.
    RunMode {
        /// The new one.
        mode: RunMode,
        /// Term of the decision.
        term: Term,
    },
    /// A virtual IP of its pair came up or went down on this host.
    Vip(VipHere),
    /// An option was set.
    Option {
        /// Which.
        name: Arc<str>,
        /// Its value as text.
        value: Arc<str>,
    },
    /// Take no new calls and let those that are up end, before a switchover; a later run mode ends
    /// this too.
    Drain {
        /// How to refuse a call meanwhile.
        reject: Reject,
        /// Time left, in milliseconds.
        time_left_ms: u64,
    },
    /// The switchover does not come: take new calls again.
    DrainOver,
    /// The other application of the pair can not be reached: look for some seconds whether it
    /// serves, and say so by [`Voice::other`].
    Look,
    /// Finish what you have begun and take nothing new; then [`Voice::suspended`]. Told once.
    Suspend,
    /// A word of the store of the program's pair, see [`Voice::keep`].
    Keep(Kept),
    /// The agent is away. The run mode stays as it is; the next is [`News::Hello`].
    Lost,
}

/// The agent has been away or has not read for so long that no more can be kept for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("application channel: {CHANNEL_SAYINGS_MAX} messages wait already")]
pub struct NotSaid;

/// A program's connection to the host agent, for the whole life of the program.
#[derive(Debug)]
pub struct ApplicationChannel {
    news: mpsc::Receiver<News>,
    voice: Voice,
}

impl ApplicationChannel {
    /// The channel that the host agent gave this process in `TAKEOVER_CHANNEL`; none: it gave none.
    ///
    /// To be called within a tokio runtime, like [`connect`](Self::connect).
    pub fn from_environment() -> Option<Self> {
        let path = std::env::var_os(ENVIRONMENT).filter(|path| !path.is_empty())?;
        Some(Self::connect(PathBuf::from(path)))
    }

    /// Begins to connect to the socket of a path. The task that does it ends with this value.
    pub fn connect(path: PathBuf) -> Self {
        let (told, news) = mpsc::channel(CHANNEL_NEWS_MAX);
        let (say, sayings) = mpsc::channel(CHANNEL_SAYINGS_MAX);
        let speaker = Speaker { path, told, sayings, memory: Memory::default() };
        tokio::spawn(speaker.run());
        Self { news, voice: Voice { say } }
    }

    /// The next news. It waits while there is none; none: never, as long as the runtime lives.
    ///
    /// A program that takes no news for long is taken to hang: the agent closes the connection.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// The other direction.
    pub fn voice(&self) -> Voice {
        self.voice.clone()
    }
}

/// What a program says. Its functions never wait and can be called on any thread.
#[derive(Clone, Debug)]
pub struct Voice {
    say: mpsc::Sender<FromProgram>,
}

impl Voice {
    /// The program serves, or could if it were primary.
    ///
    /// # Errors
    /// Too much waits to be said, here and below.
    pub fn ready(&self) -> Result<(), NotSaid> {
        self.say(FromProgram::Ready)
    }

    /// The program is alive; for `watchdog_s`.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn alive(&self) -> Result<(), NotSaid> {
        self.say(FromProgram::Alive)
    }

    /// The program is ending by itself.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn stopping(&self) -> Result<(), NotSaid> {
        self.say(FromProgram::Stopping)
    }

    /// Whether the program can serve at the moment; where the primary can not, its backup takes
    /// over.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn service(&self, available: bool, why: Option<&str>) -> Result<(), NotSaid> {
        self.say(FromProgram::Service { available, why: why.map(Arc::from) })
    }

    /// Nothing is left to do after [`News::Suspend`].
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn suspended(&self) -> Result<(), NotSaid> {
        self.say(FromProgram::Suspended)
    }

    /// A sentence for operators, at most 256 characters.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn status_text(&self, text: &str) -> Result<(), NotSaid> {
        self.say(FromProgram::StatusText { text: text.into() })
    }

    /// The program is in this run mode now, with everything that belongs to it.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn run_mode_done(&self, mode: RunMode, term: Term) -> Result<(), NotSaid> {
        self.say(FromProgram::RunModeDone { mode, term })
    }

    /// Writes a log event about the program. Only the ids of
    /// [`OF_PROGRAMS`](takeover_logic::catalog::OF_PROGRAMS) are taken; any other one ends the
    /// connection.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn log_event(&self, id: EventId, text: &str) -> Result<(), NotSaid> {
        self.say(FromProgram::LogEvent { id, text: text.into() })
    }

    /// How many calls the program has. May be said as often as they change: the agent is told at
    /// most every 100 ms, and always the last.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn calls(&self, calls: Calls) -> Result<(), NotSaid> {
        self.say(FromProgram::Calls(calls))
    }

    /// Whether the other application of the pair was seen to serve, after [`News::Look`]; none:
    /// it was not looked. To be said when it changes.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn other(&self, serves: Option<bool>, why: &str) -> Result<(), NotSaid> {
        self.say(FromProgram::Other { serves, why: Some(why.into()) })
    }

    /// A word to the store of the program's pair. Lost where no agent listens, so what gets no
    /// answer is to be opened anew.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn keep(&self, keep: Keep) -> Result<(), NotSaid> {
        self.say(FromProgram::Keep(keep))
    }

    fn say(&self, message: FromProgram) -> Result<(), NotSaid> {
        self.say.try_send(message).map_err(|_| NotSaid)
    }
}

/// The program has gone.
struct Over;

/// The task between both.
struct Speaker {
    path: PathBuf,
    told: mpsc::Sender<News>,
    sayings: mpsc::Receiver<FromProgram>,
    memory: Memory,
}

impl Speaker {
    async fn run(mut self) {
        let mut wait = CHANNEL_RETRY_MIN;
        while !self.told.is_closed() {
            if let Ok(stream) = UnixStream::connect(&self.path).await {
                match self.converse(JsonLines::new(stream)).await {
                    Err(Over) => return,
                    Ok(true) => wait = CHANNEL_RETRY_MIN,
                    Ok(false) => {}
                }
            }
            if self.rest(wait).await.is_err() {
                return;
            }
            wait = (wait * 2).min(CHANNEL_RETRY_MAX);
        }
    }

    /// Waits before the next attempt, and remembers what is said meanwhile.
    async fn rest(&mut self, wait: std::time::Duration) -> Result<(), Over> {
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                () = self.told.closed() => return Err(Over),
                Some(message) = self.sayings.recv() => drop(self.memory.note(message, false)),
            }
        }
    }

    /// Speaks until the connection ends. Gives whether the agent had spoken on it.
    async fn converse(&mut self, mut lines: JsonLines) -> Result<bool, Over> {
        let mut is_greeted = false;
        let mut calls_at: Option<Instant> = None;
        let mut calls_said = Instant::now();
        let error = loop {
            let result = tokio::select! {
                biased;
                read = lines.ready() => {
                    match self.hear(&mut lines, &mut is_greeted).await? {
                        // What was read before the end counts.
                        Ok(()) => read,
                        error => error,
                    }
                }
                Some(message) = self.sayings.recv() => {
                    let is_calls = matches!(message, FromProgram::Calls(_));
                    let now = self.memory.note(message, is_greeted);
                    if is_calls && is_greeted {
                        calls_at = calls_at.or(Some(calls_said + CHANNEL_CALLS_INTERVAL));
                    }
                    now.map_or(Ok(()), |message| lines.write(&message))
                }
                () = until(calls_at) => {
                    (calls_at, calls_said) = (None, Instant::now());
                    self.memory.calls().map_or(Ok(()), |message| lines.write(&message))
                }
                () = self.told.closed() => return Err(Over),
            };
            if let Err(error) = result {
                break error;
            }
        };
        tracing::debug!("the application channel ended: {error}");
        if is_greeted {
            self.tell(News::Lost).await?;
        }
        Ok(is_greeted)
    }

    /// Takes what the agent said.
    async fn hear(
        &mut self,
        lines: &mut JsonLines,
        is_greeted: &mut bool,
    ) -> Result<Result<(), LinesError>, Over> {
        while let Some(message) = lines.next::<ToProgram>() {
            let news = match message {
                Err(error) => return Ok(Err(error)),
                Ok(ToProgram::Unknown) => continue,
                Ok(ToProgram::Hello(hello)) => {
                    *is_greeted = true;
                    for message in self.memory.repeat(&hello) {
                        if let Err(error) = lines.write(&message) {
                            return Ok(Err(error));
                        }
                    }
                    let suspend = hello.suspending && self.memory.is_suspend_news();
                    self.tell(News::Hello(hello)).await?;
                    if !suspend {
                        continue;
                    }
                    News::Suspend
                }
                Ok(ToProgram::RunMode { mode, term }) => News::RunMode { mode, term },
                Ok(ToProgram::Vip(vip)) => News::Vip(vip),
                Ok(ToProgram::Option { name, value }) => News::Option { name, value },
                Ok(ToProgram::Drain { reject, time_left_ms }) => {
                    News::Drain { reject, time_left_ms }
                }
                Ok(ToProgram::DrainOver) => News::DrainOver,
                Ok(ToProgram::Look) => News::Look,
                Ok(ToProgram::Keep(kept)) => News::Keep(kept),
                Ok(ToProgram::Suspend) if self.memory.is_suspend_news() => News::Suspend,
                Ok(ToProgram::Suspend) => continue,
            };
            self.tell(news).await?;
        }
        Ok(Ok(()))
    }

    async fn tell(&self, news: News) -> Result<(), Over> {
        self.told.send(news).await.map_err(|_| Over)
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
