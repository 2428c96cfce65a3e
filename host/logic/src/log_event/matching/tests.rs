//! The index finds exactly what looking at every selector would find.

use proptest::prelude::*;

use super::*;
use crate::log_event::Level;
use crate::time::Timestamp;

const NAMES: [&str; 3] = ["sip-1", "sip-2", "router"];

fn event(number: u32, application: Option<&str>, kind: Option<&str>) -> LogEvent {
    LogEvent {
        id: EventId::new(0, number),
        level: Level::Standard,
        text: "".into(),
        application: application.map(ApplicationName::from),
        application_type: kind.map(Arc::from),
        host: None,
        at: Timestamp(0),
        attributes: vec![],
    }
}

fn selector(number: u32, selection: Selection) -> EventSelector {
    EventSelector { event: EventId::new(0, number), selection }
}

fn wants(selector: &EventSelector, event: &LogEvent) -> bool {
    selector.event == event.id
        && match &selector.selection {
            Selection::Application(name) => event.application.as_ref() == Some(name),
            Selection::ApplicationType(kind) => event.application_type.as_ref() == Some(kind),
            Selection::Any => true,
        }
}

#[test]
fn each_way_to_select_finds_its_events_and_no_others() {
    let selectors = [
        selector(5150, Selection::Application("sip-1".into())),
        selector(5150, Selection::ApplicationType("sip".into())),
        selector(5150, Selection::Any),
        selector(5151, Selection::Any),
    ];
    let matching = Matching::new(selectors.iter().enumerate());
    for (event, expected) in [
        (event(5150, Some("sip-1"), Some("sip")), vec![0, 1, 2]),
        (event(5150, Some("sip-2"), Some("sip")), vec![1, 2]),
        (event(5150, Some("sip-1"), None), vec![0, 2]),
        (event(5150, Some("sip-2"), Some("router")), vec![2]),
        (event(5150, None, None), vec![2]),
        (event(5151, Some("sip-1"), Some("sip")), vec![3]),
        (event(5152, Some("sip-1"), Some("sip")), vec![]),
    ] {
        let mut found = vec![99];
        matching.find(&event, &mut found);
        assert_eq!(found, expected, "{event:?}");
    }
}

fn any_selection() -> impl Strategy<Value = Selection> {
    prop_oneof![
        (0..3usize).prop_map(|i| Selection::Application(NAMES[i].into())),
        (0..3usize).prop_map(|i| Selection::ApplicationType(NAMES[i].into())),
        Just(Selection::Any),
    ]
}

proptest! {
    #[test]
    fn the_index_finds_what_looking_at_every_selector_finds(
        selectors in prop::collection::vec((0..3u32, any_selection()), 0..30),
        number in 0..4u32,
        application in prop::option::of(0..3usize),
        kind in prop::option::of(0..3usize),
    ) {
        let selectors: Vec<EventSelector> =
            selectors.into_iter().map(|(number, s)| selector(number, s)).collect();
        let event = event(number, application.map(|i| NAMES[i]), kind.map(|i| NAMES[i]));
        let expected: Vec<usize> = selectors
            .iter()
            .enumerate()
            .filter(|(_, selector)| wants(selector, &event))
            .map(|(number, _)| number)
            .collect();
        let mut found = vec![];
        Matching::new(selectors.iter().enumerate()).find(&event, &mut found);
        prop_assert_eq!(found, expected);
    }
}
