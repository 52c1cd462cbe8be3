import json

import numpy as np
import pytest

from fashion.labels.ontology import Ontology, official


@pytest.mark.parametrize("year,attributes", [(2019, 92), (2020, 294)])
def test_official_lists_have_46_categories(year, attributes):
    ontology = official(year)
    assert (ontology.num_classes, ontology.num_attributes) == (47, attributes)
    assert ontology.category_ids == tuple(range(46)) and ontology.category_names[23] == "shoe"
    assert Ontology.official(year) is ontology


def test_categories_are_the_same_in_both_years():
    assert official(2019).category_names == official(2020).category_names


def test_attribute_ids_of_2020_have_gaps():
    ids = [*range(235), *range(281, 284), *range(285, 341)]
    assert official(2020).attribute_ids == tuple(ids) and official(2019).attribute_ids == tuple(
        range(92)
    )
    assert [official(2020).attribute_index_of(i) for i in (234, 281, 285, 340)] == [
        234,
        235,
        238,
        293,
    ]


def test_main_garments_carry_attributes_and_in_2020_five_parts_too():
    assert official(2019).attribute_category_ids == tuple(range(13))
    assert official(2020).attribute_category_ids == (*range(13), 28, 29, 31, 32, 33)
    names = official(2020).category_names
    assert [names[i] for i in (28, 29, 31, 32, 33)] == [
        "collar",
        "lapel",
        "sleeve",
        "pocket",
        "neckline",
    ]
    assert official(2020).carries_attributes(31) and not official(2019).carries_attributes(31)


def test_class_ids_leave_0_to_the_background():
    ontology = Ontology.from_dict({"categories": [{"id": 5, "name": "a"}, {"id": 2, "name": "b"}]})
    assert [ontology.class_id_of(i) for i in (5, 2)] == [1, 2]
    assert [ontology.category_id_of(i) for i in (1, 2)] == [5, 2]
    assert ontology.num_classes == 3 and ontology.num_attributes == 0
    for wrong in (0, 3):
        with pytest.raises(ValueError, match="0 is the background"):
            ontology.category_id_of(wrong)


def test_multi_hot_goes_back_to_the_same_ids():
    ontology = official(2020)
    hot = ontology.multi_hot([340, 0, 281])
    assert hot.shape == (294,) and hot.dtype == np.float32 and hot.sum() == 3
    assert ontology.ids_of(hot > 0.5) == [0, 281, 340]
    assert ontology.multi_hot([]).sum() == 0 and ontology.ids_of(ontology.multi_hot([])) == []


def test_unknown_ids_are_named():
    with pytest.raises(ValueError, match="no attribute 284"):
        official(2020).multi_hot([284])
    with pytest.raises(ValueError, match="no category 46"):
        official(2020).class_id_of(46)


def test_an_ontology_survives_json():
    for year in (2019, 2020):
        again = Ontology.from_dict(json.loads(json.dumps(official(year).to_dict())))
        assert again == official(year)


def as_kaggle(ontology):
    def rows(ids, names, above):
        return [
            {"id": i, "name": n, "supercategory": s, "level": 1}
            for i, n, s in zip(ids, names, above)
        ]

    return {
        "info": {},
        "categories": rows(
            ontology.category_ids, ontology.category_names, ontology.category_supercategories
        ),
        "attributes": rows(
            ontology.attribute_ids, ontology.attribute_names, ontology.attribute_supercategories
        ),
    }


def test_kaggles_own_file_is_the_official_list(tmp_path):
    for year in (2019, 2020):
        path = tmp_path / f"{year}.json"
        path.write_text(json.dumps(as_kaggle(official(year))))
        assert Ontology.from_file(path) == official(year)


def test_in_another_label_file_every_category_carries_attributes():
    labels = as_kaggle(official(2020))
    labels["categories"] = labels["categories"][20:]
    assert Ontology.from_dict(labels).attribute_category_ids == tuple(range(20, 46))


def test_a_file_that_is_no_label_file_is_named(tmp_path):
    for text in ("[]", "{}", "not json", "[" * 100_000, '{"categories": [{"name": "a"}]}'):
        (tmp_path / "labels.json").write_text(text)
        with pytest.raises(ValueError, match="labels.json cannot be read as a label file"):
            Ontology.from_file(tmp_path / "labels.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": None}, "categories is null. Expected a list"),
        ({"categories": [5]}, "category number 0 .from 0. is 5"),
        (
            {"categories": [[0, "a"]]},
            "category number 0 .from 0. is .0, 'a'.. Expected .id, name, supercategory.",
        ),
        (
            {"categories": [[0, "a", ""], [-1, "b", ""]]},
            "category number 1 .from 0. has the id -1. Expected a whole number from 0",
        ),
        (
            {"categories": [{"id": 1, "name": 1.5}]},
            "category number 0 .from 0. has the name 1.5. Expected text",
        ),
        ({"categories": [{"id": 1, "name": None}]}, "has the name null"),
        ({"categories": [[0, "a", 3]]}, "has the supercategory 3"),
        (
            {"attributes": [[-float("inf"), "flare", ""]]},
            "attribute number 0 .from 0. has the id -inf. Expected a whole number from 0",
        ),
        (
            {"attributes": [{"id": -129, "name": "a-line"}]},
            "attribute number 0 .from 0. has the id -129",
        ),
        ({"attributes": [[float("nan"), "flare", ""]]}, "has the id nan"),
        ({"attributes": [[True, "flare", ""]]}, "has the id true"),
        ({"attributes": 5}, "attributes is 5"),
        ({"attribute_category_ids": [[]]}, "attribute_category_ids is"),
    ],
)
def test_an_entry_of_a_wrong_type_is_named(tmp_path, change, message):
    path = tmp_path / "label_descriptions.json"
    path.write_text(json.dumps({"categories": [[0, "shirt", ""]], "attributes": []} | change))
    with pytest.raises(
        ValueError, match=f"label_descriptions.json cannot be read as a label file: .*{message}"
    ):
        Ontology.from_file(path)


def test_an_id_may_occur_once():
    with pytest.raises(ValueError, match=r"more than once: \[3\]"):
        Ontology.from_dict({"categories": [[3, "a", ""], [3, "b", ""]]})


def test_a_list_knows_its_ids_in_another_by_name():
    categories, attributes = Ontology.official(2020).ids_in(Ontology.official(2019))
    assert categories == {i: i for i in range(46)}
    assert len(attributes) == 92 and attributes[146] == 0  # above-the-hip (length)


def test_there_is_no_other_year():
    with pytest.raises(ValueError, match="2019 and 2020"):
        official(2021)


def test_a_part_of_a_list_is_official_and_own_names_are_not():
    whole = Ontology.official(2019)
    assert whole.is_official()
    labels = whole.to_dict()
    none = {"attributes": [], "attribute_category_ids": []}
    part = labels | none | {"categories": labels["categories"][:3]}
    assert Ontology.from_dict(part).is_official()
    own = part | {"categories": [[0, "kimono", "clothes"]]}
    assert not Ontology.from_dict(own).is_official()
