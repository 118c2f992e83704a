export default function ConnectReturn() { return <h1>ConnectReturn</h1> }
