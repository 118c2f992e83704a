export default function ConnectionPage() { return <h1>ConnectionPage</h1> }
