//! Components with something added that no compiler would make: more memory, tables or instances
//! than anybody is granted, or a start that never ends. Bytes in, bytes out; whoever uses them
//! writes the manifest. Also included by tests of the shell and by a measurement, so it must not
//! know the engine.

/// A core module: its preamble, then sections.
const PREAMBLE: &[u8] = b"\0asm\x01\0\0\0";

/// One type, a function without parameters and results.
const TYPE: &[u8] = &[1, 4, 1, 0x60, 0, 0];

/// One function of that type.
const FUNCTION: &[u8] = &[3, 2, 1, 0];

/// The function runs when the module is instantiated.
const START: &[u8] = &[8, 1, 0];

/// What is added to a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// A memory of 4 GiB from the beginning.
    LargeMemory,
    /// A memory that grows to 4 GiB at its start.
    GrowingMemory,
    /// Five small memories.
    ManyMemories,
    /// A table of so many elements that they would fill 4 GiB.
    LargeTable,
    /// A table that grows so far at its start.
    GrowingTable,
    /// Nine small tables.
    ManyTables,
    /// A hundred instances.
    ManyInstances,
    /// A loop without an end, while the instance is being made.
    EndlessStart,
}

impl Extra {
    /// The component with this added.
    pub(crate) fn add_to(self, component: &[u8]) -> Vec<u8> {
        let (module, copies) = match self {
            Extra::LargeMemory => (module(&[&memory(65_536)]), 1),
            Extra::GrowingMemory => (starting(&memory(0), &grow_memory()), 1),
            Extra::ManyMemories => (module(&[&memory(1)]), 5),
            Extra::LargeTable => (module(&[&table(500_000_000)]), 1),
            Extra::GrowingTable => (starting(&table(0), &grow_table()), 1),
            Extra::ManyTables => (module(&[&table(1)]), 9),
            Extra::ManyInstances => (module(&[]), 100),
            Extra::EndlessStart => (starting(&[], &[0x03, 0x40, 0x0c, 0, 0x0b]), 1),
        };
        let mut bytes = component.to_vec();
        let index = u32::try_from(modules(component)).unwrap_or_default();
        bytes.extend(section(1, &module));
        let mut instances = number(copies);
        for _ in 0..copies {
            instances.push(0);
            instances.extend(number(index));
            instances.push(0);
        }
        bytes.extend(section(2, &instances));
        bytes
    }
}

/// The component with something behind it that does nothing, so that it is another one.
pub(crate) fn marked(component: &[u8], mark: &str) -> Vec<u8> {
    let mut content = number(4);
    content.extend(b"mark");
    content.extend(mark.as_bytes());
    [component, &section(0, &content)].concat()
}

/// Where the sections of a component end, the preamble's end included, and each one's id.
pub(crate) fn sections(bytes: &[u8]) -> Vec<(u8, usize)> {
    let mut ends = vec![(0, 8)];
    let mut at = 8;
    while let Some(id) = bytes.get(at) {
        at += 1;
        let (mut size, mut shift) = (0_usize, 0);
        while let Some(byte) = bytes.get(at) {
            at += 1;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        at += size;
        ends.push((*id, at));
    }
    ends
}

/// Core modules of a component.
fn modules(component: &[u8]) -> usize {
    sections(component).iter().skip(1).filter(|(id, _)| *id == 1).count()
}

fn module(sections: &[&[u8]]) -> Vec<u8> {
    [PREAMBLE, &sections.concat()].concat()
}

/// A module with one definition, and a function that runs at its start.
fn starting(definition: &[u8], instructions: &[u8]) -> Vec<u8> {
    // No locals, the instructions, the end.
    let body = [&[0], instructions, &[0x0b]].concat();
    let code = section(10, &[number(1), number(length(&body)), body].concat());
    module(&[TYPE, FUNCTION, definition, START, &code])
}

fn memory(pages: u32) -> Vec<u8> {
    section(5, &[vec![1, 0], number(pages)].concat())
}

fn table(elements: u32) -> Vec<u8> {
    section(4, &[vec![1, 0x70, 0], number(elements)].concat())
}

/// To the end of the address space, and drops the answer.
fn grow_memory() -> Vec<u8> {
    [vec![0x41], number(65_536), vec![0x40, 0, 0x1a]].concat()
}

/// By 500,000,000 elements that refer to nothing, and drops the answer.
fn grow_table() -> Vec<u8> {
    [vec![0xd0, 0x70, 0x41], number(500_000_000), vec![0xfc, 0x0f, 0, 0x1a]].concat()
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [vec![id], number(length(content)), content.to_vec()].concat()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// LEB128. The numbers here are such that it is the same with a sign.
fn number(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
