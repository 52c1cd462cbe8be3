"""Label counts: three photos counted by hand."""

from fashion.datasets.files import find_data
from fashion.datasets.label_counts import label_counts
from fashion.datasets.splits import load_files


def test_objects_are_counted_by_photo_category_and_attribute(make_folder):
    """a: category 0 with attributes 3 and 340, category 23; b: 45, and 33 with 7, 8, 9; c: 10 with
    0."""
    files = find_data(make_folder(2020))
    ontology = files.ontology()
    dataset = load_files(files, files.train_csv, ontology)
    labels = label_counts(dataset)
    assert (
        labels.categories.shape == (3, 46)
        and labels.attributes.shape == (3, 294)
        and labels.all().shape == (3, len(labels.names))
    )
    found = {
        (info["id"], labels.names[k]): int(n)
        for info, row in zip(dataset.image_info, labels.all())
        for k, n in enumerate(row)
        if n
    }
    category, attribute = (
        dict(zip(ids, names))
        for ids, names in (
            (ontology.category_ids, ontology.category_names),
            (ontology.attribute_ids, ontology.attribute_names),
        )
    )
    assert found == {
        (photo, name): 1
        for photo, names in {
            "a": [category[0], category[23], attribute[3], attribute[340]],
            "b": [category[45], category[33], *map(attribute.get, (7, 8, 9))],
            "c": [category[10], attribute[0]],
        }.items()
        for name in names
    }


def test_two_objects_of_a_category_count_twice(make_folder):
    files = find_data(
        make_folder(
            2020,
            [
                ["a", make_folder.square(0, 0, 5), 2, [5]],
                ["a", make_folder.square(9, 0, 5), 2, [5, 6]],
                ["b", make_folder.square(0, 0, 5), 2, []],
            ],
        )
    )
    labels = label_counts(load_files(files, files.train_csv, files.ontology()))
    assert labels.categories[:, 2].tolist() == [2, 1] and labels.categories.sum() == 3
    assert labels.attributes[:, 5:7].tolist() == [[2, 1], [0, 0]] and labels.attributes.sum() == 3
