// Uses SnapTrade's official SDK as its users do, against the sandbox, and
// prints what it got as one line of JSON. The Go test compares that with what
// the sandbox really holds.
import { Snaptrade, SnaptradeAuth } from "snaptrade-typescript-sdk";

const { SNAPTRADE_BASE_URL: basePath, SNAPTRADE_CLIENT_ID: clientId, SNAPTRADE_CONSUMER_KEY: consumerKey, CONTROL_URL: control } = process.env;
const sdk = new Snaptrade({ auth: SnaptradeAuth.commercialApiKey({ clientId, consumerKey }), basePath });

// refused resolves to status and code of the error that a call must end in.
async function refused(call) {
  try {
    await call;
  } catch (e) {
    return `${e.status} ${e.responseBody?.code}`;
  }
  return "not refused";
}

const out = { refused: {}, accounts: [] };
out.online = (await sdk.apiStatus.check()).data.online;
out.brokerages = (await sdk.referenceData.listAllBrokerages()).data.length;

const userId = "sdk user/1&é"; // needs escaping in a query
const { data: user } = await sdk.authentication.registerSnapTradeUser({ userId });
out.refused.again = await refused(sdk.authentication.registerSnapTradeUser({ userId }));
out.users = (await sdk.authentication.listSnapTradeUsers()).data;
const { data: me } = await sdk.authentication.resetSnapTradeUserSecret({ userId, userSecret: user.userSecret });
out.refused.oldSecret = await refused(sdk.accountInformation.listUserAccounts({ userId, userSecret: user.userSecret }));
out.refused.key = await refused(new Snaptrade({ auth: SnaptradeAuth.commercialApiKey({ clientId, consumerKey: "wrong" }), basePath })
  .accountInformation.listUserAccounts(me));

const { data: plain } = await sdk.authentication.loginSnapTradeUser({ ...me });
const { data: login } = await sdk.authentication.loginSnapTradeUser({
  ...me, broker: "SCHWAB", connectionType: "read", customRedirect: "https://app.example.test/return?x=1&y=2", immediateRedirect: true,
});
out.portal = [(await fetch(plain.redirectURI)).status, (await fetch(login.redirectURI)).status];

const connections = {};
for (const broker of ["SCHWAB", "COINBASE", "ROBINHOOD"]) {
  const answer = await fetch(`${control}/control/snaptrade/connect`, { method: "POST", body: JSON.stringify({ userId, broker }) });
  connections[broker] = (await answer.json()).authorizationId;
}
const { data: list } = await sdk.connections.listBrokerageAuthorizations(me);
out.connections = list.map((c) => `${c.brokerage.slug} ${c.type} ${c.disabled}`);
out.same = list.every((c) => connections[c.brokerage.slug] === c.id);
const authorizationId = connections.COINBASE;
out.detail = (await sdk.connections.detailBrokerageAuthorization({ ...me, authorizationId })).data.brokerage.name;
out.ofConnection = (await sdk.connections.listBrokerageAuthorizationAccounts({ ...me, authorizationId })).data.length;

const { data: accounts } = await sdk.accountInformation.listUserAccounts(me);
for (const { id: accountId } of accounts) {
  const one = { ...me, accountId };
  const { data: account } = await sdk.accountInformation.getUserAccountDetails(one);
  const { data: balances } = await sdk.accountInformation.getUserAccountBalance(one);
  const { data: positions } = await sdk.accountInformation.getAllAccountPositions(one);
  const { data: page } = await sdk.accountInformation.getAccountActivities({ ...one, limit: 7, offset: 3, type: "BUY,SELL" });
  const { data: all } = await sdk.accountInformation.getAccountActivities(one);
  out.accounts.push({
    id: accountId, total: account.balance.total.amount, synced: account.sync_status.transactions.initial_sync_completed,
    cash: balances.map((b) => `${b.currency.code} ${b.cash}`),
    positions: positions.results.map((p) => `${p.instrument.kind} ${p.instrument.symbol} ${p.units} ${p.price}`),
    activities: all.pagination.total, page: page.data.length,
    newestFirst: all.data.every((a, i) => i === 0 || a.trade_date <= all.data[i - 1].trade_date),
  });
  out.refused.history = await refused(sdk.accountInformation.getAccountBalanceHistory(one));
}

out.truth = await (await fetch(`${control}/control/snaptrade/truth?userId=${encodeURIComponent(userId)}`)).json();

out.refresh = (await sdk.connections.refreshBrokerageAuthorization({ ...me, authorizationId })).status;
await sdk.connections.disableBrokerageAuthorization({ ...me, authorizationId });
out.refused.disabled = await refused(sdk.connections.refreshBrokerageAuthorization({ ...me, authorizationId }));
out.deleted = (await sdk.connections.deleteConnection({ ...me, connectionId: authorizationId })).data.connection_id === authorizationId;
out.symbols = (await sdk.referenceData.getSymbols({ substring: "apple" })).data.map((s) => s.symbol);
out.gone = (await sdk.authentication.deleteSnapTradeUser({ userId })).data.status;

process.stdout.write(JSON.stringify(out) + "\n");
