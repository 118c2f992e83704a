export default function FirstSync() { return <h1>FirstSync</h1> }
