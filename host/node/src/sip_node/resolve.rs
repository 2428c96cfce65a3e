//! Names to addresses as SIP wants it (RFC 3263): NAPTR chooses the transport, SRV the hosts and
//! their order, A and AAAA their addresses; each step only where nothing in the URI says it.
//!
//! Answers are kept as long as DNS says. A literal address asks nobody. What is done with an answer
//! must not matter here.

mod order;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{LookupIpStrategy, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use takeover_sip::flow::Transport;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::limits::{RESOLVE_CACHE_MAX, RESOLVE_MAX, RESOLVE_TARGETS_MAX, RESOLVE_TIMEOUT};
use super::machine::{Question, Target};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

/// Longest time that the absence of a name is believed: what was just corrected works soon.
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(30);

/// Longest wait for one answer of one server, so that there is time for a second try.
const SERVER_TIMEOUT: Duration = Duration::from_millis(1500);

/// Why there is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResolveError {
    /// Too many at once.
    #[error("{host}: {RESOLVE_MAX} other names are being looked up")]
    Busy {
        /// The name.
        host: Arc<str>,
    },
    /// It took too long.
    #[error("{host}: no answer within {RESOLVE_TIMEOUT:?}")]
    Timeout {
        /// The name.
        host: Arc<str>,
    },
    /// Whatever DNS says.
    #[error("{host}: {reason}")]
    Failed {
        /// The name.
        host: Arc<str>,
        /// Why.
        reason: String,
    },
}

/// What this node can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// Which addresses are of use.
    pub(crate) families: LookupIpStrategy,
    /// TLS is configured.
    pub(crate) has_tls: bool,
}

/// Asks the name servers of the system.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    /// The library's, or why it could not be made.
    names: Result<TokioResolver, Arc<str>>,
    room: Arc<Semaphore>,
    abilities: Abilities,
}

/// Room for one question under way.
#[derive(Debug)]
pub(crate) struct Room {
    _permit: OwnedSemaphorePermit,
}

impl Resolver {
    /// With the name servers and hosts file of the system.
    pub(crate) fn system(abilities: Abilities) -> Self {
        let names = TokioResolver::builder_tokio()
            .and_then(|builder| build(builder, abilities))
            .inspect_err(|error| tracing::warn!("no names can be looked up: {error}"))
            .map_err(|error| error.to_string().into());
        Self { names, room: Arc::new(Semaphore::new(RESOLVE_MAX)), abilities }
    }

    /// Room for a question.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn begin(&self, question: &Question) -> Result<Room, ResolveError> {
        let permit = Arc::clone(&self.room).try_acquire_owned();
        permit
            .map(|permit| Room { _permit: permit })
            .map_err(|_| ResolveError::Busy { host: Arc::clone(&question.host) })
    }

    /// Where to send what is meant for that host, the most wanted first; never empty.
    ///
    /// # Errors
    /// There is no such place, or it can not be found out in time.
    pub(crate) async fn resolve(
        &self,
        question: &Question,
        _room: Room,
    ) -> Result<Vec<Target>, ResolveError> {
        if let Some(target) = literal(question) {
            return Ok(vec![target]);
        }
        let host = || Arc::clone(&question.host);
        let names = self.names.as_ref();
        let names = names
            .map_err(|reason| ResolveError::Failed { host: host(), reason: reason.to_string() })?;
        let lookups = Lookups { names, question, abilities: self.abilities };
        let mut targets = timeout(RESOLVE_TIMEOUT, lookups.targets())
            .await
            .map_err(|_| ResolveError::Timeout { host: host() })?
            .map_err(|reason| ResolveError::Failed { host: host(), reason })?;
        targets.truncate(RESOLVE_TARGETS_MAX);
        Ok(targets)
    }
}

fn build(
    mut builder: ResolverBuilder<TokioRuntimeProvider>,
    abilities: Abilities,
) -> Result<TokioResolver, NetError> {
    let options: &mut ResolverOpts = builder.options_mut();
    options.ip_strategy = abilities.families;
    options.cache_size = RESOLVE_CACHE_MAX;
    options.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
    options.timeout = options.timeout.min(SERVER_TIMEOUT);
    options.attempts = options.attempts.min(2);
    builder.build()
}

/// The transport where nothing says one (RFC 3263 section 4.1).
fn default_transport(question: &Question) -> Transport {
    match (question.is_secure, question.transport) {
        // `sips` with `transport=tcp` is TLS over TCP.
        (true, _) => Transport::Tls,
        (false, transport) => transport.unwrap_or(Transport::Udp),
    }
}

/// A host that is an address already.
pub(crate) fn literal(question: &Question) -> Option<Target> {
    let host = question.host.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = host.parse().ok()?;
    let transport = default_transport(question);
    let port = question.port.unwrap_or(transport.default_port());
    Some(Target { transport, address: SocketAddr::new(address, port) })
}

/// The lookups of one question.
struct Lookups<'a> {
    names: &'a TokioResolver,
    question: &'a Question,
    abilities: Abilities,
}

impl Lookups<'_> {
    async fn targets(&self) -> Result<Vec<Target>, String> {
        let transport = default_transport(self.question);
        let name = self.name()?;
        if let Some(port) = self.question.port {
            return self.addresses(name, port, transport).await;
        }
        if self.question.transport.is_some() {
            if let Some(targets) = self.hosts(self.service(transport)?, transport).await? {
                return Ok(targets);
            }
            return self.addresses(name, transport.default_port(), transport).await;
        }
        for (transport, service) in self.services(&name).await? {
            if let Some(targets) = self.hosts(service, transport).await? {
                return Ok(targets);
            }
        }
        self.addresses(name, transport.default_port(), transport).await
    }

    /// A name with a dot is whole; the search list is for those without.
    fn name(&self) -> Result<Name, String> {
        let host = &*self.question.host;
        let mut name = Name::from_utf8(host).map_err(|error| error.to_string())?;
        if host.contains('.') {
            name.set_fqdn(true);
        }
        Ok(name)
    }

    /// The name of the SRV records of a transport.
    fn service(&self, transport: Transport) -> Result<Name, String> {
        let prefix = match transport {
            Transport::Udp => "_sip._udp",
            Transport::Tcp => "_sip._tcp",
            Transport::Tls => "_sips._tcp",
        };
        let text = format!("{prefix}.{}", self.question.host);
        let mut name = Name::from_utf8(text).map_err(|error| error.to_string())?;
        name.set_fqdn(true);
        Ok(name)
    }

    fn speaks(&self, transport: Transport) -> bool {
        match transport {
            Transport::Udp | Transport::Tcp => !self.question.is_secure,
            Transport::Tls => self.abilities.has_tls,
        }
    }

    /// The services of a domain, the most wanted first: what NAPTR says, else what may be there.
    async fn services(&self, name: &Name) -> Result<Vec<(Transport, Name)>, String> {
        let records = self.lookup(name.clone(), RecordType::NAPTR).await?;
        let mut records: Vec<NAPTR> = records
            .into_iter()
            .filter_map(|data| match data {
                RData::NAPTR(record) => Some(record),
                _ => None,
            })
            .collect();
        records.sort_by_key(|record| (record.order, record.preference));
        let known = |record: NAPTR| {
            let transport = order::transport_of(&record)?;
            self.speaks(transport).then_some((transport, record.replacement))
        };
        let services: Vec<_> =
            records.into_iter().filter_map(known).take(RESOLVE_TARGETS_MAX).collect();
        if !services.is_empty() {
            return Ok(services);
        }
        // Without TLS where nobody asked for it: a certificate may be for another name.
        let all = [Transport::Udp, Transport::Tcp, Transport::Tls];
        all.into_iter()
            .filter(|transport| self.speaks(*transport))
            .filter(|transport| self.question.is_secure || *transport != Transport::Tls)
            .map(|transport| Ok((transport, self.service(transport)?)))
            .collect()
    }

    /// The hosts of a service in the order in which they are to be tried; none: there are no such
    /// records.
    async fn hosts(
        &self,
        service: Name,
        transport: Transport,
    ) -> Result<Option<Vec<Target>>, String> {
        let records = self.lookup(service, RecordType::SRV).await?;
        let records: Vec<SRV> = records
            .into_iter()
            .filter_map(|data| match data {
                RData::SRV(record) => Some(record),
                _ => None,
            })
            .collect();
        if records.is_empty() {
            return Ok(None);
        }
        // A root target says that the service is decidedly not there (RFC 2782).
        let records: Vec<SRV> = records.into_iter().filter(|it| !it.target.is_root()).collect();
        if records.is_empty() {
            return Err("its DNS says that there is no such service".to_owned());
        }
        let mut targets = Vec::new();
        let mut last = None;
        for record in order::by_weight(records, random) {
            if targets.len() >= RESOLVE_TARGETS_MAX {
                break;
            }
            match self.addresses(record.target, record.port, transport).await {
                Ok(more) => targets.extend(more),
                Err(error) => last = Some(error),
            }
        }
        match last {
            Some(error) if targets.is_empty() => Err(error),
            _ => Ok(Some(targets)),
        }
    }

    /// The addresses of a host.
    async fn addresses(
        &self,
        name: Name,
        port: u16,
        transport: Transport,
    ) -> Result<Vec<Target>, String> {
        let found = self.names.lookup_ip(name).await.map_err(|error| error.to_string())?;
        let target = |address| Target { transport, address: SocketAddr::new(address, port) };
        let targets: Vec<Target> = found.iter().map(target).collect();
        if targets.is_empty() {
            return Err("it has no address that this node can reach".to_owned());
        }
        Ok(targets)
    }

    /// The records of a name; that there are none is no error, that nobody knows is one.
    async fn lookup(&self, name: Name, kind: RecordType) -> Result<Vec<RData>, String> {
        match self.names.lookup(name, kind).await {
            Ok(found) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A random number below `bound`, or 0 where there are no random bytes: then the order is still a
/// correct one, only not a shared one.
fn random(bound: u32) -> u32 {
    let mut bytes = [0; 8];
    if bound == 0 || getrandom::fill(&mut bytes).is_err() {
        return 0;
    }
    u32::try_from(u64::from_ne_bytes(bytes) % u64::from(bound)).unwrap_or(0)
}
