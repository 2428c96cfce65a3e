//! Sums over memories and tables.

use super::*;

#[test]
fn memories_are_summed() {
    let mut limiter = Limiter::new(100);
    assert!(limiter.memory_growing(0, 60, None).unwrap());
    assert!(limiter.memory_growing(0, 40, None).unwrap());
    assert!(limiter.memory_growing(60, 61, None).is_err());
    assert_eq!(limiter.refused(), Some("101 bytes of memory wanted, 100 allowed"));
    assert_eq!(limiter.memory_bytes(), 100);
}

#[test]
fn tables_are_summed() {
    let mut limiter = Limiter::new(100);
    assert!(limiter.table_growing(0, TABLE_ELEMENTS_MAX, None).unwrap());
    assert!(limiter.table_growing(0, 1, None).is_err());
    assert_eq!(limiter.refused(), Some("20001 table elements wanted, 20000 allowed"));
}

#[test]
fn sizes_near_the_end_of_the_number_range_are_refused() {
    let mut limiter = Limiter::new(100);
    assert!(limiter.memory_growing(0, 50, None).unwrap());
    assert!(limiter.memory_growing(0, usize::MAX, None).is_err());
}
