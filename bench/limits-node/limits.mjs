// Plays express-rate-limit with rate-limit-redis for bench/limits_test.go: two
// windows, as two limiters one after the other, called without HTTP.
//
//   node limits.mjs URL spread|flood SECONDS WORKERS       -> {"decisions":n,"rate":n}, the rate after half a second to warm up
//   node limits.mjs URL attack SECONDS CALLERS WINDOW_MS   -> one line "caller begin end" (ms) for each admission
import { rateLimit } from 'express-rate-limit';
import { RedisStore } from 'rate-limit-redis';
import { createClient } from 'redis';

const [url, what, seconds, workers, windowMs] = [process.argv[2], process.argv[3], ...process.argv.slice(4).map(Number)];
const client = createClient({ url });
await client.connect();
const sendCommand = (...args) => client.sendCommand(args);
const limiter = (limit, ms, prefix) =>
	rateLimit({ limit, windowMs: ms, store: new RedisStore({ sendCommand, prefix }), keyGenerator: (r) => r.caller, legacyHeaders: false, standardHeaders: false, validate: false });
const limiters =
	what === 'attack'
		? [limiter(5, windowMs, 'x:short:'), limiter(20, 10 * windowMs, 'x:long:')]
		: [limiter(5, 60_000, `x:${what}:minute:`), limiter(50, 3_600_000, `x:${what}:hour:`)];
await new Promise((done) => setTimeout(done, 300)); // the scripts are loaded

const pass = (limit, req) =>
	new Promise((done, failed) => {
		const res = { headersSent: false, setHeader() {}, getHeader() {}, on() {}, status() { return res; }, send() { done(false); } };
		Promise.resolve(limit(req, res, (err) => (err ? failed(err) : done(true)))).catch(failed);
	});
async function allowed(caller) {
	const req = { caller, ip: caller, headers: {}, app: { get() {} } };
	for (const l of limiters) {
		if (!(await pass(l, req))) return false;
	}
	return true;
}

const began = performance.now();
const over = () => performance.now() - began > seconds * 1000;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

if (what === 'attack') {
	const lines = [];
	await Promise.all(
		Array.from({ length: workers }, async (_, i) => {
			await sleep(Math.random() * windowMs);
			const call = async () => {
				const begin = performance.now();
				if (await allowed(`caller${i}`)) lines.push(`${i} ${begin.toFixed(3)} ${performance.now().toFixed(3)}`);
			};
			while (!over()) { // one call, and then as many as there are around the end of the window it has begun
				await call();
				await sleep(0.85 * windowMs);
				for (const until = performance.now() + 0.3 * windowMs; performance.now() < until; await sleep(10)) await call();
				await sleep(Math.random() * windowMs);
			}
		}),
	);
	console.log(lines.join('\n'));
} else {
	let decisions = 0, counted = 0, from = 0;
	await Promise.all(
		Array.from({ length: workers }, async () => {
			while (!over()) {
				const caller = what === 'flood' ? 'one' : String(Math.floor(Math.random() * 1e9));
				await allowed(caller);
				decisions++;
				if (from) counted++;
				else if (performance.now() - began > 500) from = performance.now();
			}
		}),
	);
	console.log(JSON.stringify({ decisions, rate: counted / ((performance.now() - from) / 1000) }));
}
await client.quit();
