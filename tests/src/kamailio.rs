//! kamailio
