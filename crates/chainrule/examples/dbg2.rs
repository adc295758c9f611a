fn main() {
    for p in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&p).unwrap();
        let m = chainrule::graph::lower::load(&text, &[]).module.unwrap();
        let d = chainrule::graph::derived::derive(&m).unwrap();
        let t = std::time::Instant::now();
        let data = chainrule::Model::from_file(&p, chainrule::Options::default())
            .ok()
            .and_then(|m| m.load_data().ok());
        println!(
            "{p} {:?}",
            chainrule::check::gradients(
                &m,
                &d,
                data.as_ref().map(|d| &d.prepared.train),
                0
            )
        );
        println!(
            "{p} {:?} {:?}",
            chainrule::check::gradients(&m, &d, None, 0),
            t.elapsed()
        );
    }
}
