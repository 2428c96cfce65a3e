//! What an operator sees and does, at the command line and in a real browser, with a control server
//! and a host agent in one process on loopback (`takeover up`): a single-host pair of two programs.
//!
//! Needs no root. The browser's tests need chromium and chromedriver; where they are missing a test
//! prints `SKIP`, or fails where `REQUIRE_ALL=1` is set.

mod browser;
mod commands;
mod desk;
mod stories;
