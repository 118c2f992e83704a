// Makes merchants.json from the npm package name-suggestion-index 8.0.20260918
// (BSD-3-Clause, see LICENSE.md), which need not be installed otherwise:
//
//   npm pack name-suggestion-index@8.0.20260918 && tar xzf name-suggestion-index-*.tgz
//   node generate.mjs package/dist/json/nsi.min.json > merchants.json
//
// Kept are brand names of the United States and of the whole world, spelt in
// ASCII, by what a household buys there.
import { readFileSync } from "node:fs";

const kinds = {
  groceries: ["shop/supermarket", "shop/wholesale"],
  restaurant: ["amenity/restaurant"],
  fastfood: ["amenity/fast_food"],
  cafe: ["amenity/cafe", "shop/pastry", "shop/bakery", "amenity/ice_cream"],
  fuel: ["amenity/fuel"],
  convenience: ["shop/convenience"],
  clothes: ["shop/clothes", "shop/shoes"],
  department: ["shop/department_store", "shop/variety_store"],
  home: ["shop/furniture", "shop/houseware", "shop/doityourself", "shop/hardware", "shop/bed", "shop/interior_decoration"],
  electronics: ["shop/electronics", "shop/computer"],
  pharmacy: ["amenity/pharmacy", "shop/chemist", "shop/optician"],
  beauty: ["shop/cosmetics", "shop/beauty", "shop/hairdresser"],
  sport: ["shop/sports", "shop/outdoor", "shop/bicycle"],
  fitness: ["leisure/fitness_centre"],
  cinema: ["amenity/cinema", "leisure/bowling_alley", "tourism/theme_park", "leisure/amusement_arcade"],
  books: ["shop/books", "shop/toys", "shop/craft", "shop/stationery"],
  pet: ["shop/pet", "amenity/veterinary"],
  car: ["shop/car_repair", "shop/tyres", "shop/car_parts", "amenity/car_wash"],
  hotel: ["tourism/hotel", "tourism/motel"],
  dentist: ["amenity/dentist", "amenity/clinic"],
  childcare: ["amenity/kindergarten"],
  insurance: ["office/insurance"],
  charity: ["shop/charity"],
  bank: ["amenity/bank"],
};

const { nsi, _meta } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const out = {};
for (const [kind, paths] of Object.entries(kinds)) {
  const names = new Set();
  for (const path of paths) {
    for (const item of nsi["brands/" + path]?.items ?? []) {
      const { include = [], exclude = [] } = item.locationSet;
      const here = include.includes("us") || (include.includes("001") && !exclude.includes("us"));
      const name = item.tags.brand ?? item.displayName;
      if (here && /^[A-Za-z0-9][A-Za-z0-9 &'.+\/-]{2,29}$/.test(name)) names.add(name);
    }
  }
  out[kind] = [...names].sort();
}
process.stdout.write(JSON.stringify({ source: "name-suggestion-index " + _meta.version + " (BSD-3-Clause)", kinds: out }) + "\n");
