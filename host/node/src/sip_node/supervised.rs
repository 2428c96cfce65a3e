//! A node under a host agent: what the application channel brings goes to the machine, what the
//! machine reports goes back.

use std::sync::Arc;

use takeover_logic::component::sip::Refusal;
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;
use takeover_logic::log_event::EventId;
use takeover_sip::keep::KeepInput;

use super::machine::{Input, Report};
use super::other::{Looker, Order};
use super::thread::Item;
use super::wake::Post;
use crate::application_channel::{ApplicationChannel, Calls, Hello, News, NotSaid, Voice};

/// Hands reports on. Never waits; what can not be said is in the log.
pub(crate) fn reports(voice: Voice) -> Box<dyn FnMut(Report) + Send> {
    Box::new(move |report| {
        tracing::debug!(?report, "report");
        if let Err(error) = say(&voice, report) {
            tracing::error!("{error}");
        }
    })
}

fn say(voice: &Voice, report: Report) -> Result<(), NotSaid> {
    match report {
        Report::Ready => voice.ready(),
        Report::Event { number, reason } => voice.log_event(EventId::new(0, number), &reason),
        Report::Service(Ok(())) => voice.service(true, None),
        Report::Service(Err(why)) => voice.service(false, Some(&why)),
        Report::RunMode { mode, term } => voice.run_mode_done(mode, term),
        Report::Suspended => voice.suspended(),
        Report::Keep(keep) => voice.keep(keep),
        Report::Calls { established, ringing, lost } => {
            voice.calls(Calls { established, ringing, lost })
        }
    }
}

/// Brings news to the machine, until the node or the runtime ends.
pub(crate) async fn listen(mut channel: ApplicationChannel, post: Post<Item>, looker: Looker) {
    let mut serves = false;
    while let Some(news) = channel.next().await {
        let mode = match &news {
            News::Hello(hello) => Some(hello.run_mode.unwrap_or(RunMode::Backup)),
            News::RunMode { mode, .. } => Some(*mode),
            _ => None,
        };
        if let Some(mode) = mode {
            serves = mode == RunMode::Primary;
            if serves {
                looker.order(Order::Stop);
            }
        }
        if news == News::Look && !serves {
            looker.order(Order::Look);
        }
        for input in inputs(news) {
            if post.send(Item::Input(input)).await.is_err() {
                return;
            }
        }
    }
}

fn inputs(news: News) -> Vec<Input> {
    match news {
        News::Hello(hello) => all(hello),
        News::RunMode { mode, term } => vec![Input::RunMode { mode, term }],
        News::Option { name, value } => vec![Input::Option { name, value }],
        News::Drain { reject, .. } => vec![Input::Drain(Some(Refusal {
            code: reject.code,
            reason: Arc::clone(&reject.reason),
            retry_after_s: Some(reject.retry_after_s),
        }))],
        News::DrainOver => vec![Input::Drain(None)],
        News::Suspend => vec![Input::Suspend],
        News::Keep(kept) => vec![Input::Keep(KeepInput::Heard(kept))],
        // Without its agent a node stays what it is.
        News::Lost => vec![Input::Keep(KeepInput::Lost)],
        // Whether the address is here is seen when the monitor is asked.
        News::Vip(_) | News::Look => Vec::new(),
    }
}

/// Options first: a run mode may make the node serve by them.
fn all(hello: Hello) -> Vec<Input> {
    let options = hello.options.into_iter();
    let mut inputs: Vec<Input> =
        options.map(|(name, value)| Input::Option { name, value }).collect();
    // Before it serves: from then on it notes what is to be kept.
    inputs.extend(hello.pair.map(|_| Input::Keep(KeepInput::There)));
    // Nobody has decided: not to serve is right until somebody has.
    let (mode, term) = match hello.run_mode {
        Some(mode) => (mode, hello.term),
        None => (RunMode::Backup, Term::default()),
    };
    inputs.push(Input::RunMode { mode, term });
    if hello.suspending {
        inputs.push(Input::Suspend);
    }
    inputs
}
