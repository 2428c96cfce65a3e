//! The system's interfaces for components that run on their caller's thread and can not wait:
//! forwarding policies.
//!
//! Where a function of the host may wait, every call needs a stack of its own that can be set
//! aside: 0.3 us of the 1.5 us that a decision took (`cargo xtask bench plugins`). So here none
//! does. A stream or poll that is ready answers, one that is not ends the call. Files and sockets
//! are linked, because languages import them, but there is nothing that could be opened.

use std::future::Future;

use futures_util::FutureExt as _;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime::{Error, Result};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::bindings::io::{poll as waiting_poll, streams as waiting};
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, IpAddressFamily, Network};
use wasmtime_wasi::p2::bindings::sync::io::{poll, streams};
use wasmtime_wasi::p2::bindings::sync::sockets::udp_create_socket;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, SocketError, SocketResult, StreamError,
    StreamResult, UdpSocket,
};

/// Why a call ends that would wait.
pub(crate) const WAITS: &str = "it wanted to wait, which a policy must not";

/// Links what components expect of a system.
pub(crate) fn add_to_linker<T: WasiView>(linker: &mut Linker<T>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    // These two would hold the thread until something comes.
    linker.allow_shadowing(true);
    poll::add_to_linker::<T, HasAtOnce>(linker, |state| AtOnce(state.ctx().table))?;
    streams::add_to_linker::<T, HasAtOnce>(linker, |state| AtOnce(state.ctx().table))?;
    // This one would start a runtime inside the one that calls it, and panic.
    udp_create_socket::add_to_linker::<T, HasAtOnce>(linker, |state| AtOnce(state.ctx().table))?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What a host function gives now; an error where it would wait.
fn now<T>(answer: impl Future<Output = T>) -> Result<T> {
    answer.now_or_never().ok_or_else(|| Error::msg(WAITS))
}

/// The same of a stream.
fn stream_now<T>(answer: impl Future<Output = StreamResult<T>>) -> StreamResult<T> {
    now(answer).map_err(StreamError::Trap)?
}

/// Streams, polls and sockets of an instance.
struct AtOnce<'a>(&'a mut ResourceTable);

struct HasAtOnce;

impl HasData for HasAtOnce {
    type Data<'a> = AtOnce<'a>;
}

impl poll::Host for AtOnce<'_> {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        now(waiting_poll::Host::poll(self.0, pollables))?
    }
}

impl poll::HostPollable for AtOnce<'_> {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        now(waiting_poll::HostPollable::ready(self.0, pollable))?
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        now(waiting_poll::HostPollable::block(self.0, pollable))?
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        waiting_poll::HostPollable::drop(self.0, pollable)
    }
}

impl streams::Host for AtOnce<'_> {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        Ok(waiting::Host::convert_stream_error(self.0, error)?.into())
    }
}

impl streams::HostOutputStream for AtOnce<'_> {
    fn check_write(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        waiting::HostOutputStream::check_write(self.0, stream)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        waiting::HostOutputStream::write(self.0, stream, bytes)
    }

    fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        stream_now(waiting::HostOutputStream::blocking_write_and_flush(self.0, stream, bytes))
    }

    fn flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        waiting::HostOutputStream::flush(self.0, stream)
    }

    fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        stream_now(waiting::HostOutputStream::blocking_flush(self.0, stream))
    }

    fn subscribe(&mut self, stream: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        waiting::HostOutputStream::subscribe(self.0, stream)
    }

    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, length: u64) -> StreamResult<()> {
        waiting::HostOutputStream::write_zeroes(self.0, stream, length)
    }

    fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        length: u64,
    ) -> StreamResult<()> {
        let flushed =
            waiting::HostOutputStream::blocking_write_zeroes_and_flush(self.0, stream, length);
        stream_now(flushed)
    }

    fn splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<u64> {
        waiting::HostOutputStream::splice(self.0, to, from, length)
    }

    fn blocking_splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<u64> {
        stream_now(waiting::HostOutputStream::blocking_splice(self.0, to, from, length))
    }

    fn drop(&mut self, stream: Resource<DynOutputStream>) -> Result<()> {
        now(waiting::HostOutputStream::drop(self.0, stream))?
    }
}

impl streams::HostInputStream for AtOnce<'_> {
    fn read(&mut self, stream: Resource<DynInputStream>, length: u64) -> StreamResult<Vec<u8>> {
        waiting::HostInputStream::read(self.0, stream, length)
    }

    fn blocking_read(
        &mut self,
        stream: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<Vec<u8>> {
        stream_now(waiting::HostInputStream::blocking_read(self.0, stream, length))
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, length: u64) -> StreamResult<u64> {
        waiting::HostInputStream::skip(self.0, stream, length)
    }

    fn blocking_skip(
        &mut self,
        stream: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<u64> {
        stream_now(waiting::HostInputStream::blocking_skip(self.0, stream, length))
    }

    fn subscribe(&mut self, stream: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        waiting::HostInputStream::subscribe(self.0, stream)
    }

    fn drop(&mut self, stream: Resource<DynInputStream>) -> Result<()> {
        now(waiting::HostInputStream::drop(self.0, stream))?
    }
}

impl udp_create_socket::Host for AtOnce<'_> {
    /// None is made; those of TCP are refused by the context (`interfaces`).
    fn create_udp_socket(&mut self, _: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        Err(ErrorCode::AccessDenied.into())
    }
}

impl network::Host for AtOnce<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(&mut self, error: Resource<Error>) -> Result<Option<ErrorCode>> {
        let error = self.0.get(&error)?;
        Ok(error.downcast_ref::<std::io::Error>().map(ErrorCode::from))
    }
}

impl network::HostNetwork for AtOnce<'_> {
    fn drop(&mut self, network: Resource<Network>) -> Result<()> {
        self.0.delete(network)?;
        Ok(())
    }
}
